"""Exports: whose, where they lie, what was found when they were checked, and to whom they went."""

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from portal.access.actor import Actor
from portal.access.policy import VERBS
from portal.access.queries import scope_filter
from portal.lib.clock import now
from portal.lib.ids import new_id
from tenants.models import Tenant


class State(models.TextChoices):
    MAKING = "making", _("being made")
    READY = "ready", _("verified, waits to be received")
    FAILED = "failed", _("failed")
    DELETING = "deleting", _("being deleted")
    DELETED = "deleted", _("deleted")


class ExportQuerySet(models.QuerySet["Export"]):
    def visible_to(self, actor: Actor) -> "ExportQuerySet":
        """Those of the tenants that the actor's grants reach."""
        roles = VERBS["export.view"]
        return self.filter(scope_filter(actor, roles, tenant="tenant_id", business_unit="tenant__business_unit_id"))

    def standing(self) -> "ExportQuerySet":
        """Of which something may lie in a store."""
        return self.exclude(began_at=None).exclude(state=State.DELETED)

    def handed_over(self) -> "ExportQuerySet":
        """Of which somebody outside has a copy, for all we know."""
        return self.exclude(downloads=0)


class Export(models.Model):
    """One export. `digest` is the SHA-256 of its manifest, which names every file; `found` what was counted.

    It lies under `prefix` of the region's bucket of exports, and nowhere else. `places` says in which attempt's folder
    each part is: what another attempt left is nobody's.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    number = models.PositiveIntegerField(unique=True)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="exports")
    region = models.CharField(max_length=32)
    state = models.CharField(max_length=8, choices=State.choices, default=State.MAKING)
    reason = models.CharField(max_length=1000)
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    job_id = models.UUIDField(null=True, blank=True)
    error = models.CharField(max_length=1000, blank=True)
    created_at = models.DateTimeField(default=now, editable=False)
    began_at = models.DateTimeField(null=True, blank=True, help_text=_("Since then something may lie in the store"))
    # found when it was verified
    verified_at = models.DateTimeField(null=True, blank=True)
    as_of = models.DateTimeField(null=True, blank=True, help_text=_("What was written before is in it"))
    digest = models.CharField(max_length=64, blank=True)
    places = models.JSONField(default=dict, blank=True)
    found = models.JSONField(default=dict, blank=True)
    files = models.BigIntegerField(null=True, blank=True)
    bytes = models.BigIntegerField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    # handed over
    downloads = models.PositiveIntegerField(default=0)
    downloaded_at = models.DateTimeField(null=True, blank=True, help_text=_("The last time"))
    received_at = models.DateTimeField(null=True, blank=True)
    received_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    # gone
    gone_because = models.CharField(max_length=200, blank=True)
    deleted_at = models.DateTimeField(null=True, blank=True)

    objects = ExportQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = _("export"), _("exports")
        ordering = ["-number"]
        constraints = [
            models.CheckConstraint(name="export_state_known", condition=Q(state__in=State.values)),
            models.CheckConstraint(
                name="export_ready_is_verified",
                condition=~Q(state=State.READY)
                | Q(verified_at__isnull=False, as_of__isnull=False, expires_at__isnull=False)
                & Q(digest__regex="^[0-9a-f]{64}$"),
            ),
            models.CheckConstraint(
                name="export_received_was_downloaded",
                condition=Q(received_at=None, received_by=None)
                | Q(received_at__isnull=False, received_by__isnull=False, downloads__gt=0, verified_at__isnull=False),
            ),
            models.CheckConstraint(
                name="export_gone_says_when",
                condition=Q(state=State.DELETED, deleted_at__isnull=False) & ~Q(gone_because="")
                | ~Q(state=State.DELETED) & Q(deleted_at=None),
            ),
            models.UniqueConstraint(name="one_export_being_made", fields=["tenant"], condition=Q(state="making")),
        ]
        indexes = [models.Index(fields=["state", "expires_at"])]

    def __str__(self) -> str:
        return f"EX-{self.number:04d}"

    @property
    def prefix(self) -> str:
        return f"{self.tenant_id}/{self.pk}/"

    def access_scope(self) -> dict[str, Any]:
        return {"tenant": self.tenant_id, "business_unit": self.tenant.business_unit_id}
