"""Reads of the registry for other apps and pages."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from django.conf import settings
from django.db.models import F, QuerySet

from portal.access import policy
from portal.access.actor import Actor
from portal.access.queries import scope_filter
from portal.lib.regions import load

from . import envelopes
from .models import BusinessUnit, Status, StatusChange, Tenant, Tier

OPEN_WORDS = {
    Status.ACTIVE: ["suspend"],
    Status.SUSPENDED: ["reactivate", "archive"],
}


@dataclass(frozen=True)
class LastMove:
    """A tenant's status and the global version of the change that brought it there."""

    status: str
    version: int


def last_move(tenant_id: UUID) -> LastMove | None:
    """Where the tenant stands, from its newest change of status; None if it never changed. One row, so never mixed."""
    moves = StatusChange.objects.filter(tenant_id=tenant_id).exclude(old=F("new"))
    row = moves.order_by("-version").values_list("new", "version").first()
    return LastMove(*row) if row else None


def ends_at(tenant: Tenant) -> datetime | None:
    """When a suspended tenant is archived, or an archived one is due for erasure, by its tier as it is now."""
    if tenant.status == Status.SUSPENDED and tenant.suspended_at:
        return tenant.suspended_at + timedelta(days=tenant.tier.suspension_grace_days)
    if tenant.status == Status.ARCHIVED and tenant.archived_at:
        return tenant.archived_at + timedelta(days=tenant.tier.archive_retention_days)
    return None


def tenant_by_id(tenant_id: UUID) -> Tenant | None:
    return Tenant.objects.select_related("tier", "business_unit").filter(pk=tenant_id).first()


def tier_by_code(code: str) -> Tier | None:
    return Tier.objects.filter(pk=code).first()


def units_for(actor: Actor) -> list[BusinessUnit]:
    """The business units in which the actor may ask for a tenant."""
    return [unit for unit in BusinessUnit.objects.all() if policy.can(actor, "request.create", unit)]


def available_verbs(tenant: Tenant, actor: Actor) -> list[str]:
    """Words the actor may use on the tenant now, in the order pages show them."""
    words = OPEN_WORDS.get(Status(tenant.status), [])
    return [word for word in words if policy.can(actor, f"tenant.{word}", tenant)]


def envelope_of(unit: BusinessUnit) -> dict[str, Decimal]:
    """Envelope figures, INR a year: total, used, left."""
    used = envelopes.used_inr(unit)
    return {"total": unit.envelope_inr, "used": used, "left": unit.envelope_inr - used}


def platform_url(region: str) -> str:
    """Where the platform of a region answers; empty when the region is not connected."""
    if not settings.REGIONS_FILE.is_file():
        return ""
    found = load(settings.REGIONS_FILE).get(region)
    return found.platform_url if found else ""


def units_visible_to(actor: Actor) -> QuerySet[BusinessUnit]:
    """Business units the actor's grants reach."""
    reach = scope_filter(actor, policy.VERBS["request.view"], tenant="tenants__id", business_unit="code")
    return BusinessUnit.objects.filter(reach).distinct().order_by("code")


def scope_names(ids: list[str]) -> dict[str, str]:
    """What the scopes of grants are called: business units by code, tenants by id."""
    names: dict[str, str] = dict(BusinessUnit.objects.filter(pk__in=ids).values_list("code", "name"))
    tenant_ids = [UUID(one) for one in ids if len(one) == 36]
    if tenant_ids:
        names |= {str(pk): name for pk, name in Tenant.objects.filter(pk__in=tenant_ids).values_list("pk", "name")}
    return names


def region_choices() -> list[tuple[str, str]]:
    """The regions this portal is connected to, for filters and forms."""
    if not settings.REGIONS_FILE.is_file():
        return []
    return [(region.name, f"{region.display} ({region.name})") for region in load(settings.REGIONS_FILE).values()]
