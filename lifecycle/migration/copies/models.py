"""Copies of tenants in a region where nobody is served from them: what a move that went wrong is restored from."""

from datetime import datetime
from typing import Any

from django.db import models
from django.db.models import Exists, F, OuterRef, Q
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _

from lifecycle.migration.models import Migration
from portal.access.actor import Actor
from portal.access.policy import VERBS
from portal.access.queries import scope_filter
from portal.lib.clock import now
from portal.lib.ids import new_id
from tenants.models import Tenant


class State(models.TextChoices):
    MAKING = "making", _("being made")
    VERIFIED = "verified", _("verified")
    REPLACED = "replaced", _("replaced")
    FAILED = "failed", _("failed")
    ERASED = "erased", _("erased")


RELEASABLE = (State.VERIFIED, State.FAILED)


class CopyQuerySet(models.QuerySet["TenantCopy"]):
    def visible_to(self, actor: Actor) -> "CopyQuerySet":
        reach = scope_filter(
            actor, VERBS["migration.view"], tenant="tenant_id", business_unit="tenant__business_unit_id"
        )
        return self.filter(reach)

    def standing(self) -> "CopyQuerySet":
        """Verified copies whose region no move has written into since."""
        return self.filter(state=State.VERIFIED).untouched()

    def untouched(self) -> "CopyQuerySet":
        """Those whose region no later move has had a side in."""
        made = Coalesce("verified_at", "created_at")
        since = Migration.objects.filter(tenant=OuterRef("tenant"), started_at__gt=OuterRef("made"))
        moved_there = Exists(since.filter(Q(source=OuterRef("region")) | Q(target=OuterRef("region"))))
        return self.annotate(made=made).exclude(moved_there)

    def fit_for(self, migration: Migration, since: datetime) -> "CopyQuerySet":
        """Copies that outlive a loss of either side of the move, and hold everything written before `since`."""
        mine = self.standing().filter(tenant=migration.tenant, verified_at__gte=since)
        return mine.exclude(region__in=(migration.source, migration.target)).order_by("-verified_at")


class TenantCopy(models.Model):
    """A tenant's rows and objects in another region, found equal as of `verified_at`. It is never opened."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="copies")
    source = models.CharField(max_length=32)
    region = models.CharField(max_length=32)
    state = models.CharField(max_length=8, choices=State.choices, default=State.MAKING)
    job_id = models.UUIDField(null=True, blank=True)
    requested_by = models.CharField(max_length=64)
    reason = models.CharField(max_length=1000)
    error = models.CharField(max_length=1000, blank=True)
    created_at = models.DateTimeField(default=now, editable=False)
    # found when it was verified
    verified_at = models.DateTimeField(null=True, blank=True, help_text=_("What was written before is in it"))
    rows = models.BigIntegerField(null=True, blank=True)
    objects_found = models.BigIntegerField(null=True, blank=True)
    root_source = models.CharField(max_length=64, blank=True)
    root_copy = models.CharField(max_length=64, blank=True)
    objects_root_source = models.CharField(max_length=64, blank=True)
    objects_root_copy = models.CharField(max_length=64, blank=True)
    snapshot = models.TextField(blank=True, help_text=_("Of the source, in PostgreSQL's words"))
    engine = models.CharField(max_length=12, blank=True, help_text=_("Digest of the code that made it"))

    objects = CopyQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]
        verbose_name_plural = _("copies")
        constraints = [
            models.CheckConstraint(name="copy_state_known", condition=Q(state__in=State.values)),
            models.CheckConstraint(name="copy_lies_elsewhere", condition=~Q(source=F("region"))),
            models.CheckConstraint(
                name="copy_verified_is_equal",
                condition=~Q(state__in=["verified", "replaced"])
                | Q(
                    verified_at__isnull=False,
                    rows__isnull=False,
                    root_source=F("root_copy"),
                    objects_root_source=F("objects_root_copy"),
                )
                & ~Q(root_source=""),
            ),
            models.UniqueConstraint(name="one_copy_being_made", fields=["tenant"], condition=Q(state="making")),
            models.UniqueConstraint(
                name="one_verified_copy_in_a_region", fields=["tenant", "region"], condition=Q(state="verified")
            ),
        ]

    def __str__(self) -> str:
        return f"{self.tenant.name} in {self.region}"

    def access_scope(self) -> dict[str, Any]:
        return {"tenant": self.tenant_id, "business_unit": self.tenant.business_unit_id}
