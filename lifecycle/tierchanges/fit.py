"""Whether what a tenant uses now fits a tier. What could not be read is unknown, and does not fit."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from django.conf import settings

from lifecycle.stores.errors import StoreError
from lifecycle.stores.postgres import rows
from portal.lib.clock import now
from portal.lib.money import number
from portal.lib.regions import load
from tenants.health.queries import stored_bytes_of
from tenants.models import Tenant, Tier
from tenants.usage.queries import most_a_day

GIGABYTE = 1_000_000_000
LOOKS_BACK = timedelta(days=30)
WORDS = {
    "max_users": "users",
    "max_documents": "documents",
    "max_queries_per_day": "queries on one day of the last 30",
    "max_storage_gb": "GB stored",
}
Used = Mapping[str, Decimal | None]


@dataclass(frozen=True)
class Excess:
    """One thing that is more than the tier holds; `used` is None where it could not be read."""

    what: str
    used: Decimal | None
    limit: int

    def in_words(self) -> str:
        held = "unknown" if self.used is None else number(int(self.used))
        return f"{WORDS[self.what]}: {held}, the tier holds {number(self.limit)}"

    def as_json(self) -> dict[str, str | int | None]:
        used = None if self.used is None else f"{self.used:f}"
        return {"what": self.what, "used": used, "limit": self.limit, "words": self.in_words()}


def is_lower(tenant: Tenant, tier: Tier) -> bool:
    """True if any limit of the tier is below the tenant's own."""
    return any(limit < getattr(tenant, name) for name, limit in tier.limits().items())


def used_by(tenant: Tenant) -> Used:
    """What the tenant uses now: rows counted in its region, bytes as last measured, its busiest day of the month."""
    counts = _rows(tenant)
    stored = stored_bytes_of(tenant.pk)
    return {
        "max_users": _whole(counts.get("users")),
        "max_documents": _whole(counts.get("documents")),
        "max_queries_per_day": most_a_day(tenant.pk, "queries", since=now().date() - LOOKS_BACK),
        "max_storage_gb": None if stored is None else Decimal(stored) / GIGABYTE,
    }


def _rows(tenant: Tenant) -> dict[str, int | None]:
    """Counted by the region's own catalogue; empty where it is not connected or does not answer."""
    regions = load(settings.REGIONS_FILE) if settings.REGIONS_FILE.is_file() else {}
    if tenant.region not in regions:
        return {}
    try:
        return rows.count(regions[tenant.region], tenant.pk)
    except StoreError:
        return {}


def _whole(found: int | None) -> Decimal | None:
    return None if found is None else Decimal(found)


def exceeding(used: Used, tier: Tier) -> list[Excess]:
    """What does not fit the tier, or is not known to."""
    limits = tier.limits()
    over = [(what, used[what], limits[what]) for what in WORDS]
    return [Excess(what, have, limit) for what, have, limit in over if have is None or have > limit]


def fitting(used: Used) -> list[str]:
    """The names of the tiers on offer that hold what is known to be used, the smallest first."""
    tiers = Tier.objects.filter(is_offered=True).order_by("max_documents", "max_users")
    return [tier.name for tier in tiers if not [one for one in exceeding(used, tier) if one.used is not None]]
