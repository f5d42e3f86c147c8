"""One look into what a certificate says, long after it was issued: what each system answered, and what followed.

Migration 0002 repeats the rules: a look is never removed, and a concluded one never changes.
"""

from typing import Any

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from compliance.certificates.models import Certificate
from portal.access.actor import Actor
from portal.access.policy import VERBS
from portal.access.queries import scope_filter
from portal.lib.clock import now
from portal.lib.ids import new_id


class State(models.TextChoices):
    RUNNING = "running", _("looking")
    CLEAN = "clean", _("nothing found")
    RESIDUAL = "residual", _("something found, revoked")
    NOT_CHECKED = "not_checked", _("not all could be asked")


class Cause(models.TextChoices):
    SCHEDULED = "scheduled", _("by the calendar")
    CONTEST = "contest", _("somebody objected")
    ASKED = "asked", _("an officer asked")


class RecheckQuerySet(models.QuerySet["Recheck"]):
    def visible_to(self, actor: Actor) -> "RecheckQuerySet":
        """Those of the certificates that the actor's grants reach."""
        roles, way = VERBS["certificate.view"], "certificate__"
        return self.filter(scope_filter(actor, roles, tenant=f"{way}tenant_id", business_unit=f"{way}business_unit"))


class Recheck(models.Model):
    """`systems` says of each: what was found, or why nobody could look, and whether its zero means something."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    certificate = models.ForeignKey(Certificate, on_delete=models.PROTECT, related_name="rechecks")
    cause = models.CharField(max_length=10, choices=Cause.choices)
    asked_by = models.CharField(max_length=64)
    state = models.CharField(max_length=12, choices=State.choices, default=State.RUNNING)
    systems = models.JSONField(default=list)
    job_id = models.UUIDField(null=True, blank=True)
    started_at = models.DateTimeField(default=now)
    ended_at = models.DateTimeField(null=True, blank=True)

    objects = RecheckQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = _("re-verification"), _("re-verifications")
        ordering = ["-started_at", "-id"]
        constraints = [
            models.CheckConstraint(name="recheck_state_known", condition=Q(state__in=State.values)),
            models.CheckConstraint(
                name="recheck_ended_is_dated",
                condition=Q(state="running", ended_at=None) | ~Q(state="running") & Q(ended_at__isnull=False),
            ),
            models.UniqueConstraint(name="one_recheck_at_a_time", fields=["certificate"], condition=Q(state="running")),
        ]

    def __str__(self) -> str:
        return f"{self.certificate}, {self.started_at:%d %b %Y}"

    def access_scope(self) -> dict[str, Any]:
        return self.certificate.access_scope()
