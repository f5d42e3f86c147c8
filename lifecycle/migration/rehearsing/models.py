"""Rehearsals: a clone of a tenant is moved, its mover killed and the clone taken back, before the tenant itself is."""

from typing import Any

from django.core.validators import MaxValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from lifecycle.migration.models import Migration
from portal.access.actor import Actor
from portal.access.policy import VERBS
from portal.access.queries import scope_filter
from portal.lib.clock import now
from portal.lib.ids import new_id
from tenants.models import Tenant, Tier


class RehearsalDemand(models.Model):
    """Tenants of this tier are moved only after a rehearsal that is not older than so many days."""

    tier = models.OneToOneField(Tier, on_delete=models.PROTECT, primary_key=True, related_name="+")
    days = models.PositiveSmallIntegerField(
        validators=[MaxValueValidator(365)], help_text=_("0: nobody asks for a rehearsal")
    )

    class Meta:
        ordering = ["tier__rank"]
        constraints = [models.CheckConstraint(name="demand_in_days", condition=Q(days__lte=365))]

    def __str__(self) -> str:
        return f"{self.tier_id}: {self.days} days"


class RehearsalQuerySet(models.QuerySet["Rehearsal"]):
    def visible_to(self, actor: Actor) -> "RehearsalQuerySet":
        reach = scope_filter(
            actor, VERBS["migration.view"], tenant="tenant_id", business_unit="tenant__business_unit_id"
        )
        return self.filter(reach)


class Rehearsal(models.Model):
    """One rehearsal. `ok` is unknown until it has ended; `at` is when it did."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    number = models.PositiveIntegerField(unique=True)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="rehearsals")
    target = models.CharField(max_length=32)
    engine = models.CharField(max_length=12, help_text=_("Digest of the code that is rehearsed"))
    requested_by = models.CharField(max_length=64)
    reason = models.CharField(max_length=1000)
    request_id = models.UUIDField(help_text=_("The request from which the clone comes"))
    clone_id = models.UUIDField(unique=True, help_text=_("The tenant that is the clone"))
    migration = models.OneToOneField(Migration, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    job_id = models.UUIDField(null=True, blank=True)
    clone_job_id = models.UUIDField(null=True, blank=True)
    kill_at = models.CharField(max_length=16, help_text=_("The step in which the mover kills itself, by lot"))
    created_at = models.DateTimeField(default=now, editable=False)
    # found
    rows = models.BigIntegerField(null=True, blank=True)
    root = models.CharField(max_length=64, blank=True, help_text=_("Of the original's rows and of the clone's"))
    killed_at_step = models.CharField(max_length=16, blank=True)
    moved_in_ms = models.FloatField(null=True, blank=True)
    pause_ms = models.FloatField(null=True, blank=True)
    rollback_ms = models.FloatField(null=True, blank=True)
    ok = models.BooleanField(null=True, blank=True)
    findings = models.CharField(max_length=1000, blank=True)
    at = models.DateTimeField(null=True, blank=True)

    objects = RehearsalQuerySet.as_manager()

    class Meta:
        ordering = ["-number"]
        constraints = [
            models.CheckConstraint(name="rehearsal_clone_is_another", condition=~Q(clone_id=F("tenant"))),
            models.CheckConstraint(
                name="rehearsal_ended_has_a_time",
                condition=Q(ok__isnull=True, at__isnull=True) | Q(ok__isnull=False, at__isnull=False),
            ),
            models.CheckConstraint(
                name="rehearsal_ok_was_whole",
                condition=~Q(ok=True)
                | Q(migration__isnull=False, moved_in_ms__isnull=False, rollback_ms__isnull=False)
                & ~Q(killed_at_step="")
                & ~Q(root=""),
            ),
            models.UniqueConstraint(name="one_open_rehearsal", fields=["tenant"], condition=Q(ok__isnull=True)),
        ]

    def __str__(self) -> str:
        return f"RH-{self.number:04d}"

    def access_scope(self) -> dict[str, Any]:
        return {"tenant": self.tenant_id, "business_unit": self.tenant.business_unit_id}

    @property
    def state(self) -> str:
        return {None: "running", True: "passed", False: "failed"}[self.ok]
