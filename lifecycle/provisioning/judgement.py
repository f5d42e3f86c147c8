"""Everything the rules say of a request before anybody signs: placement, cost, need for a person's hands."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from compliance.residency import Finding, Placement, country_of, evaluate
from lifecycle.models import ManualRule, TenantRequest
from portal.lib.money import inr
from portal.lib.regions import load
from tenants.costs.estimate import Estimate, estimate
from tenants.models import Tier


@dataclass(frozen=True)
class Judgement:
    """The verdicts on one request. `counted_inr` is the amount approvals count, INR a year."""

    placement: Placement
    estimate: Estimate
    counted_inr: Decimal
    findings: tuple[Finding, ...]
    manual_reasons: tuple[str, ...]

    @property
    def refused(self) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if finding.outcome == "refuse")


def judge(request: TenantRequest, *, tier: Tier) -> Judgement:
    """Evaluate the request against the rules and prices in force. Reads only; decides nothing by itself."""
    placement = evaluate(
        region=request.region,
        geography=request.geography,
        data_classes=request.data_classes,
        profiles=request.profiles,
        vector_provider=request.vector_provider,
    )
    cost = estimate(
        tier=tier.code,
        region=request.region,
        users=request.expected_users,
        documents=request.expected_documents,
        queries_per_day=request.expected_queries_per_day,
    )
    counted = max(request.annual_budget_inr, cost.annual_inr or Decimal(0))
    findings = (*placement.findings, *_limits(request, tier), *_price(cost), *_connected(request.region))
    reasons = [finding.title for finding in findings if finding.outcome == "person"]
    reasons += _manual(request, placement, counted)
    return Judgement(placement, cost, counted, findings, tuple(dict.fromkeys(reasons)))


def _limits(request: TenantRequest, tier: Tier) -> list[Finding]:
    asked = {
        "users": (request.expected_users, tier.max_users),
        "documents": (request.expected_documents, tier.max_documents),
        "queries a day": (request.expected_queries_per_day, tier.max_queries_per_day),
    }
    return [
        Finding(
            "LIM-001",
            "v1",
            "refuse",
            f"{tier.name} carries at most {most:,} {what}; {want:,} are expected",
            "Choose a higher tier, or expect less.",
            {"tier": tier.code, what: want},
        )
        for what, (want, most) in asked.items()
        if want > most
    ]


def _price(cost: Estimate) -> list[Finding]:
    if not cost.unpriced:
        return []
    title = f"No price for {', '.join(cost.unpriced)}"
    return [Finding("CST-001", cost.price_book or "none", "person", title, "A person sets the price.", {})]


def _connected(region: str) -> list[Finding]:
    if region in connected_regions():
        return []
    remedy = "A person connects the region, or choose a connected one."
    return [Finding("PRV-003", "v1", "person", f"{region} is not connected to this portal", remedy, {"region": region})]


def connected_regions() -> frozenset[str]:
    """Names of the regions whose endpoints this portal knows."""
    from django.conf import settings

    return frozenset(load(settings.REGIONS_FILE)) if settings.REGIONS_FILE.is_file() else frozenset()


def _manual(request: TenantRequest, placement: Placement, counted: Decimal) -> list[str]:
    return [
        rule.title
        for rule in ManualRule.objects.filter(is_active=True).order_by("rule_id")
        if _rule_speaks(rule, request, placement, counted)
    ]


def _rule_speaks(rule: ManualRule, request: TenantRequest, placement: Placement, counted: Decimal) -> bool:
    conditions = []
    if rule.profiles:
        conditions.append(bool(set(rule.profiles) & set(placement.profiles)))
    if rule.integrations:
        conditions.append(bool(set(rule.integrations) & set(request.integrations)))
    if rule.regions:
        conditions.append(request.region in rule.regions)
    if rule.budget_at_least_inr is not None:
        conditions.append(counted >= rule.budget_at_least_inr)
    return bool(conditions) and all(conditions)


def facts_of(request: TenantRequest, judgement: Judgement) -> dict[str, Any]:
    """The closed vocabulary that approval rules speak about."""
    return {
        "tier": request.tier_id,
        "region": request.region,
        "geography": request.geography,
        "data_classes": sorted(request.data_classes),
        "profiles": sorted(judgement.placement.profiles),
        "leaves_home_country": country_of(request.region) != request.business_unit.home_country,
        "price_known": not judgement.estimate.unpriced,
        "manual": bool(judgement.manual_reasons),
        "business_unit": request.business_unit_id,
    }


def refusal_text(refused: tuple[Finding, ...]) -> str:
    """One sentence per refusing rule, with what would make it pass."""
    return " ".join(f"{finding.rule_id}: {finding.title}. {finding.remedy}" for finding in refused)


def describe_counted(request: TenantRequest, judgement: Judgement) -> str:
    """Say which amount counts and why."""
    if judgement.estimate.annual_inr is None:
        return f"Budget of {inr(request.annual_budget_inr)}; the estimate has unpriced lines."
    larger = "budget" if request.annual_budget_inr >= judgement.estimate.annual_inr else "estimate"
    return f"The {larger} counts: {inr(judgement.counted_inr)} a year."
