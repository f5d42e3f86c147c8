"""An upgrade: every tenant brought to one version of the modules, in waves, with a validation after each."""

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from lifecycle.estate.models import ModuleVersion
from portal.lib.clock import now
from portal.lib.ids import new_id
from tenants.models import Tenant


class State(models.TextChoices):
    PENDING = "pending_approval", _("waiting for signatures")
    RUNNING = "running", _("under way")
    STOPPED = "stopped", _("stopped")
    DONE = "done", _("done")
    REJECTED = "rejected", _("rejected")
    EXPIRED = "expired", _("expired")
    CANCELLED = "cancelled", _("withdrawn")
    VOIDED = "voided", _("void: what was signed no longer holds")


OPEN = [State.PENDING, State.RUNNING, State.STOPPED]


class Upgrade(models.Model):
    """Whom and to which modules is fixed with the row and signed; the database repeats that (migration 0002)."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    version = models.ForeignKey(ModuleVersion, on_delete=models.PROTECT, related_name="+")
    reason = models.CharField(max_length=1000)
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    digest = models.CharField(max_length=64)
    case_id = models.UUIDField(null=True, blank=True)
    state = models.CharField(max_length=16, choices=State.choices, default=State.PENDING)
    state_reason = models.CharField(max_length=1000, blank=True)
    created_at = models.DateTimeField(default=now, editable=False)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]
        verbose_name, verbose_name_plural = _("module upgrade"), _("module upgrades")
        constraints = [
            models.CheckConstraint(name="upgrade_state_known", condition=Q(state__in=State.values)),
            models.CheckConstraint(name="upgrade_says_why", condition=~Q(reason="")),
        ]

    def __str__(self) -> str:
        return f"Modules {self.version_id[:12]}"


class Member(models.Model):
    """One tenant of an upgrade. `plan` is the masked summary of what was about to be done when it began."""

    class State(models.TextChoices):
        WAITING = "waiting", _("waits")
        RUNNING = "running", _("under way")
        DONE = "done", _("upgraded and validated")
        FAILED = "failed", _("failed")
        LEFT = "left", _("left out")

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    upgrade = models.ForeignKey(Upgrade, on_delete=models.PROTECT, related_name="members")
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+")
    wave = models.PositiveSmallIntegerField()
    was = models.CharField(max_length=64, blank=True, help_text=_("The modules it had; empty: not known"))
    state = models.CharField(max_length=8, choices=State.choices, default=State.WAITING)
    plan = models.JSONField(default=dict, blank=True)
    job_id = models.UUIDField(null=True, blank=True)
    error = models.CharField(max_length=1000, blank=True)
    done_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["wave", "tenant__name"]
        constraints = [
            models.UniqueConstraint(name="one_membership", fields=["upgrade", "tenant"]),
            models.CheckConstraint(name="wave_is_one_of_four", condition=Q(wave__gte=1, wave__lte=4)),
        ]

    def __str__(self) -> str:
        return f"{self.tenant.name}, wave {self.wave}"

    def access_scope(self) -> dict[str, Any]:
        return self.tenant.access_scope()
