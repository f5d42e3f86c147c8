"""What a change of tier costs and changes, by the prices in force; and the digest that signatures bind to."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from bailiwick_proof.canonical import digest

from compliance.residency import country_of
from lifecycle.models import TenantRequest
from portal.lib.money import quantise
from tenants.costs.estimate import Estimate, estimate
from tenants.models import Tenant, Tier

from .models import CAME_INTO_FORCE, TierChange

LINES = (
    ("max_users", "Users"),
    ("max_documents", "Documents"),
    ("max_queries_per_day", "Queries a day"),
    ("max_storage_gb", "Storage, GB"),
    ("requests_per_minute", "Requests a minute"),
)
NOTHING = Decimal("0.00")


@dataclass(frozen=True)
class Expected:
    """What a tenant is expected to hold and do."""

    users: int
    documents: int
    queries_per_day: int


@dataclass(frozen=True)
class Cost:
    """Both estimates, and the differences, INR; None while either has no price."""

    before: Estimate
    after: Estimate

    @property
    def unpriced(self) -> list[str]:
        return list(dict.fromkeys([*self.before.unpriced, *self.after.unpriced]))

    @property
    def monthly_inr(self) -> Decimal | None:
        if self.before.monthly_inr is None or self.after.monthly_inr is None:
            return None
        return self.after.monthly_inr - self.before.monthly_inr

    @property
    def yearly_inr(self) -> Decimal | None:
        return None if self.monthly_inr is None else self.monthly_inr * 12


def agreed_use(tenant_id: UUID) -> Expected | None:
    """The use that was last agreed on: of the newest change in force, else of the request; None if nobody said."""
    names = ("expected_users", "expected_documents", "expected_queries_per_day")
    standing = TierChange.objects.filter(tenant_id=tenant_id, state__in=CAME_INTO_FORCE).exclude(state="returned")
    found = standing.order_by("-applied_at").values_list(*names).first()
    found = found or TenantRequest.objects.filter(tenant_id=tenant_id).values_list(*names).first()
    return Expected(*found) if found else None


def cost_of(tenant: Tenant, to_tier: Tier, expected: Expected) -> Cost:
    """Price the tenant as it is, with the use last agreed on, and as it would be."""
    return Cost(_priced(tenant, tenant.tier, agreed_use(tenant.pk) or expected), _priced(tenant, to_tier, expected))


def _priced(tenant: Tenant, tier: Tier, use: Expected) -> Estimate:
    return estimate(
        tier=tier.pk,
        region=tenant.region,
        users=use.users,
        documents=use.documents,
        queries_per_day=use.queries_per_day,
    )


def counted(cost: Cost, budget_inr: Decimal | None) -> Decimal:
    """The amount that approvals count and the envelope holds: the larger of typed and own estimate, never below 0."""
    return max(budget_inr or NOTHING, cost.yearly_inr or NOTHING, NOTHING)


def of_the_time(yearly_inr: Decimal | None, starts_on: date, ends_on: date | None) -> Decimal | None:
    """What a change for a time costs in all, by days; None for good, or without a price."""
    if yearly_inr is None or ends_on is None:
        return None
    return quantise(yearly_inr * max((ends_on - starts_on).days, 0) / 365)


def what_changes(tenant: Tenant, to_tier: Tier) -> list[dict[str, Any]]:
    """Limits and promises before and after, as a person compares them."""
    now_limits, new_limits = tenant.limits(), to_tier.limits()
    lines = [{"label": label, "before": now_limits[name], "after": new_limits[name]} for name, label in LINES]
    old = tenant.tier
    promises: list[tuple[str, Any, Any]] = [
        ("Promised availability, %", f"{old.sla_percent.normalize():f}", f"{to_tier.sla_percent.normalize():f}"),
        ("Slowest of 95 in 100 answers, ms", old.p95_target_ms, to_tier.p95_target_ms),
        ("Support", old.support, to_tier.support),
    ]
    return lines + [{"label": label, "before": a, "after": b} for label, a, b in promises]


def facts_of(tenant: Tenant, to_tier: Tier, cost: Cost) -> dict[str, Any]:
    """The closed vocabulary that approval rules speak about: of the tenant as it would be."""
    return {
        "tier": to_tier.pk,
        "region": tenant.region,
        "geography": tenant.geography,
        "data_classes": sorted(tenant.data_classes),
        "leaves_home_country": country_of(tenant.region) != tenant.business_unit.home_country,
        "price_known": not cost.unpriced,
        "business_unit": tenant.business_unit_id,
    }


def content_digest(change: TierChange, tenant: Tenant, cost: Cost) -> str:
    """What a signature binds to: both tiers as they are, the time, the use, the price, what is put up with."""
    return digest(
        {
            "tenant": tenant.pk,
            "from": {"tier": tenant.tier_id, **tenant.limits()},
            "to": {"tier": change.to_tier_id, "offered": change.to_tier.is_offered},
            "changes": what_changes(tenant, change.to_tier),
            "starts_on": change.starts_on,
            "ends_on": change.ends_on,
            "use": [change.expected_users, change.expected_documents, change.expected_queries_per_day],
            "monthly": [cost.before.monthly_inr, cost.after.monthly_inr],
            "counted_inr": change.counted_inr,
            "exceeds": change.exceeds,
        }
    )


def current_digest(change_id: str) -> str:
    """The digest of a change as it would be made now: another price, limit or tier voids what was signed."""
    change = TierChange.objects.select_related("tenant__tier", "tenant__business_unit", "to_tier").get(pk=change_id)
    use = Expected(change.expected_users, change.expected_documents, change.expected_queries_per_day)
    return content_digest(change, change.tenant, cost_of(change.tenant, change.to_tier, use))
