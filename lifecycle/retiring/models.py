"""Stores that a tenant has left: why each is erased, how far that is, and what was found before and after."""

from typing import Any

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from portal.access.actor import Actor
from portal.access.policy import VERBS
from portal.access.queries import scope_filter
from portal.lib.clock import now
from portal.lib.ids import new_id
from tenants.models import Tenant


class Occasion(models.TextChoices):
    """Who left it: `subject` is the id of that move or copy."""

    DECOMMISSION = "decommission", _("the source of a move")
    GREEN = "green", _("the target of a move that was taken back")
    COPY = "copy", _("a copy that nobody needs any more")


class State(models.TextChoices):
    QUEUED = "queued", _("waiting")
    ERASING = "erasing", _("being erased")
    ERASED = "erased", _("erased")


class RetirementQuerySet(models.QuerySet["Retirement"]):
    def visible_to(self, actor: Actor) -> "RetirementQuerySet":
        reach = scope_filter(
            actor, VERBS["retirement.view"], tenant="tenant_id", business_unit="tenant__business_unit_id"
        )
        return self.filter(reach)

    def open(self) -> "RetirementQuerySet":
        return self.exclude(state=State.ERASED)


class Retirement(models.Model):
    """One store of one region. `key` makes its manifests' leaves and is destroyed when it is over.

    `evidence` holds by system: manifest root and leaves, what was found before, what the store said is gone, and what
    independent verifiers found afterwards; counts and digests only.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="retirements")
    region = models.CharField(max_length=32)
    occasion = models.CharField(max_length=12, choices=Occasion.choices)
    subject = models.UUIDField()
    state = models.CharField(max_length=8, choices=State.choices, default=State.QUEUED)
    job_id = models.UUIDField(null=True, blank=True)
    requested_by = models.CharField(max_length=64)
    reason = models.CharField(max_length=1000)
    key = models.BinaryField(max_length=32, null=True, editable=False)
    evidence = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(default=now, editable=False)
    retained_until = models.DateTimeField(null=True, blank=True, help_text=_("Nothing of it goes before"))
    ended_at = models.DateTimeField(null=True, blank=True)

    objects = RetirementQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = _("retired store"), _("retired stores")
        ordering = ["-created_at"]
        constraints = [
            models.CheckConstraint(name="retirement_state_known", condition=Q(state__in=State.values)),
            models.CheckConstraint(name="retirement_occasion_known", condition=Q(occasion__in=Occasion.values)),
            models.CheckConstraint(
                name="retirement_over_without_key",
                condition=Q(state="erased", ended_at__isnull=False, key=None)
                | ~Q(state="erased") & Q(ended_at=None, key__isnull=False),
            ),
            models.UniqueConstraint(name="retirement_once", fields=["occasion", "subject"]),
            models.UniqueConstraint(
                name="retirement_one_open", fields=["tenant", "region"], condition=~Q(state="erased")
            ),
        ]

    def __str__(self) -> str:
        return f"{self.tenant.name} in {self.region}"

    def access_scope(self) -> dict[str, Any]:
        return {"tenant": self.tenant_id, "business_unit": self.tenant.business_unit_id}
