"""Which tenant of a region is its sandbox, and each erasure of a made-up person there.

Migration 0002 repeats the rules: nobody made up is erased outside a sandbox, and what was found stays as it was.
"""

from typing import Any
from uuid import UUID, uuid5

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from compliance.erasing.models import ErasureRequest
from portal.lib.clock import now
from portal.lib.ids import new_id
from tenants.models import Tenant


class Sandbox(models.Model):
    """A tenant provisioned like any other, with its own row, tier and environment, for nobody's data."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    region = models.CharField(max_length=32)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+")
    designated_by = models.CharField(max_length=64)
    designated_at = models.DateTimeField(default=now)
    ended_at = models.DateTimeField(null=True, blank=True)
    alarmed_on = models.DateField(null=True, blank=True, help_text=_("When it was last said that it is overdue"))

    class Meta:
        verbose_name, verbose_name_plural = _("sandbox"), _("sandboxes")
        ordering = ["region", "-designated_at"]
        constraints = [
            models.UniqueConstraint(name="one_sandbox_a_region", fields=["region"], condition=Q(ended_at=None)),
            models.UniqueConstraint(name="one_sandbox_a_tenant", fields=["tenant"], condition=Q(ended_at=None)),
        ]

    def __str__(self) -> str:
        return f"{self.tenant.name}, {self.region}"

    def access_scope(self) -> dict[str, Any]:
        return {}

    @property
    def state(self) -> str:
        return "ended" if self.ended_at else "active"


class State(models.TextChoices):
    RUNNING = "running", _("under way")
    PASSED = "passed", _("passed")
    FAILED = "failed", _("failed")


class SyntheticErasure(models.Model):
    """One run: `checks` is what was looked at once it was certified, each with what was wrong, or nothing."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    sandbox = models.ForeignKey(Sandbox, on_delete=models.PROTECT, related_name="runs")
    month = models.CharField(max_length=7, help_text=_("Such as 2026-11"))
    asked_by = models.CharField(max_length=64)
    state = models.CharField(max_length=8, choices=State.choices, default=State.RUNNING)
    request = models.ForeignKey(ErasureRequest, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    certificate_id = models.UUIDField(null=True, blank=True)
    checks = models.JSONField(default=list)
    why = models.CharField(max_length=1000, blank=True)
    seconds = models.PositiveIntegerField(null=True, blank=True, help_text=_("From planting to the last check"))
    job_id = models.UUIDField(null=True, blank=True)
    started_at = models.DateTimeField(default=now)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name, verbose_name_plural = _("synthetic erasure"), _("synthetic erasures")
        ordering = ["-started_at", "-id"]
        constraints = [
            models.CheckConstraint(name="synthetic_state_known", condition=Q(state__in=State.values)),
            models.CheckConstraint(
                name="synthetic_ended_says_how",
                condition=Q(state=State.RUNNING, ended_at=None)
                | Q(state=State.PASSED, ended_at__isnull=False, certificate_id__isnull=False, why="")
                | Q(state=State.FAILED, ended_at__isnull=False) & ~Q(why=""),
            ),
            models.UniqueConstraint(
                name="one_synthetic_at_a_time", fields=["sandbox"], condition=Q(state=State.RUNNING)
            ),
        ]

    def __str__(self) -> str:
        return f"Synthetic, {self.sandbox.region}, {self.month}"

    def access_scope(self) -> dict[str, Any]:
        return {}

    @property
    def person(self) -> UUID:
        """The made-up person: found again from the run, so that no table of the portal holds the id."""
        return uuid5(self.pk, "person")
