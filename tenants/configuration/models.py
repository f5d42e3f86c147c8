"""Versions of configuration: what a tier gives its tenants, and what a tenant says otherwise. Only ever added."""

from typing import Any

from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from portal.access.actor import Actor
from portal.access.policy import VERBS, can
from portal.access.queries import scope_filter
from portal.lib.clock import now
from portal.lib.ids import new_id
from tenants.models import Tenant, Tier


class VersionQuerySet(models.QuerySet["Version"]):
    def visible_to(self, actor: Actor) -> "VersionQuerySet":
        """Those of every tier, and of the tenants that the actor's grants reach."""
        if not can(actor, "configuration.view"):
            return self.none()
        roles = VERBS["configuration.view"]
        mine = scope_filter(actor, roles, tenant="tenant_id", business_unit="tenant__business_unit_id")
        return self.filter(Q(tenant=None) | mine) if mine else self  # an empty Q says nothing in an OR


class Version(models.Model):
    """One version of a tier's or a tenant's own part of the document. A roll-back is a new version, too."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tier = models.ForeignKey(Tier, on_delete=models.PROTECT, null=True, blank=True, related_name="configurations")
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, null=True, blank=True, related_name="configurations")
    number = models.PositiveIntegerField(validators=[MinValueValidator(1)])
    document = models.JSONField(help_text=_("Only what is set here; a tenant's lies over its tier's"))
    copy_of = models.PositiveIntegerField(null=True, blank=True, help_text=_("Rolled back to this number"))
    from_flag = models.CharField(max_length=64, blank=True, help_text=_("The flag that was moved here"))
    reason = models.CharField(max_length=500)
    created_by = models.CharField(max_length=64)
    created_at = models.DateTimeField(default=now, editable=False)

    objects = VersionQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.CheckConstraint(
                name="configuration_of_a_tier_or_a_tenant",
                condition=Q(tier__isnull=True, tenant__isnull=False) | Q(tier__isnull=False, tenant__isnull=True),
            ),
            models.UniqueConstraint(name="one_tier_configuration_per_number", fields=["tier", "number"]),
            models.UniqueConstraint(name="one_tenant_configuration_per_number", fields=["tenant", "number"]),
            models.CheckConstraint(name="configuration_says_why", condition=~Q(reason="")),
        ]

    def __str__(self) -> str:
        return f"{self.tenant or self.tier} · {self.number}"

    @property
    def is_tenant_content(self) -> bool:
        return self.tenant_id is not None

    def access_scope(self) -> dict[str, Any]:
        return {"tenant": self.tenant_id, "business_unit": self.tenant.business_unit_id} if self.tenant else {}


class TenantConfiguration(Tenant):
    """A tenant seen through its configuration."""

    class Meta:
        proxy = True
        verbose_name = _("tenant")
        verbose_name_plural = _("tenants")


class TierConfiguration(Tier):
    """A tier seen through its configuration."""

    class Meta:
        proxy = True
        verbose_name = _("tier")
        verbose_name_plural = _("tiers")
