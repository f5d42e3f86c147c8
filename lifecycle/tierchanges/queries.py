"""Reads of changes of tier: a preview while the form is filled in, and what can be done with one."""

from datetime import date
from decimal import Decimal
from typing import Any

from portal.access import policy
from portal.access.actor import Actor
from portal.approvals.forecast import would_need
from portal.lib.clock import now
from tenants.models import Tenant, Tier
from tenants.queries import envelope_of

from . import fit
from .actions import KIND, expected_use
from .judgement import cost_of, counted, facts_of, of_the_time, what_changes
from .models import OPEN, State, TierChange


def preview(
    tenant: Tenant,
    tier: Tier,
    *,
    starts_on: date | None = None,
    ends_on: date | None = None,
    expected: dict[str, int] | None = None,
    budget_inr: Decimal | None = None,
) -> dict[str, Any]:
    """Cost, what changes, what does not fit, envelope and signatures. Stores nothing."""
    cost = cost_of(tenant, tier, expected_use(tenant, expected or {}))
    amount = counted(cost, budget_inr)
    envelope = envelope_of(tenant.business_unit)
    used = fit.used_by(tenant) if fit.is_lower(tenant, tier) else {}
    exceeds = fit.exceeding(used, tier) if used else []
    return {
        "before": cost.before.as_json(),
        "after": cost.after.as_json(),
        "unpriced": cost.unpriced,
        "monthly_inr": _figure(cost.monthly_inr),
        "yearly_inr": _figure(cost.yearly_inr),
        "season_inr": _figure(of_the_time(cost.yearly_inr, starts_on or now().date(), ends_on)),
        "counted_inr": f"{amount:.2f}",
        "changes": what_changes(tenant, tier),
        "exceeds": [one.as_json() for one in exceeds],
        "fits": fit.fitting(used) if exceeds else [],
        "envelope": {name: f"{value:.2f}" for name, value in envelope.items()},
        "fits_envelope": amount <= envelope["left"],
        "signatures": would_need(
            kind=KIND,
            amount_inr=None if cost.unpriced else amount,
            aggregation_key=f"business_unit:{tenant.business_unit_id}",
            facts=facts_of(tenant, tier, cost),
        ),
    }


def _figure(value: Decimal | None) -> str | None:
    return None if value is None else f"{value:.2f}"


def available_verbs(change: TierChange, actor: Actor) -> list[str]:
    """Words the actor may use on the change now."""
    words = []
    if change.state == State.RETURN_CONFLICT and policy.can(actor, "tier_change.end", change):
        words.append("keep")
    if change.state == State.APPLIED and change.is_for_a_time and policy.can(actor, "tier_change.end", change):
        words.append("end")
    if change.state in OPEN and policy.can(actor, "tier_change.cancel", change):
        words.append("cancel")
    return words
