"""A change comes into force and goes back: the tenant's tier, its money and its agreed price in one transaction.

Whoever calls holds the change's row; of two schedulers one waits and then finds nothing to do.
"""

from decimal import Decimal
from typing import Any
from uuid import UUID

from django_fsm import TransitionNotAllowed

from portal.access.actor import Actor
from portal.audit.actions import record
from portal.jobs.outbox import emit
from portal.lib.clock import now
from portal.lib.errors import Absent, Conflict
from tenants import actions as registry
from tenants import envelopes
from tenants.costs import actions as costs
from tenants.costs.estimate import baseline_of
from tenants.costs.queries import agreed_baseline
from tenants.models import Status, Tenant

from .judgement import NOTHING, what_changes
from .models import CAME_INTO_FORCE, State, TierChange

SYSTEM = Actor.system("tier-changes")
MONEY = ("monthly_cost_inr", "annual_budget_inr")


def locked(change_id: UUID | str) -> TierChange:
    """The change under its row lock."""
    rows = TierChange.objects.select_for_update(of=("self",), no_key=True)
    found = rows.select_related("tenant__tier", "tenant__business_unit", "from_tier", "to_tier").filter(pk=change_id)
    change = found.first()
    if change is None:
        raise Absent("There is no such change of tier.")
    return change


def move(change: TierChange, word: str, reason: str = "") -> None:
    """One transition, saved."""
    try:
        getattr(change, word)(reason)
    except TransitionNotAllowed:
        state = change.get_state_display()
        raise Conflict(f"A change that is {state} cannot {word.replace('_', ' ')}.", code="wrong-state") from None
    change.save()


def tell(change: TierChange) -> None:
    """Say where a change stands now, inside the transaction in which it came there."""
    emit("tier_change.changed", {"change_id": str(change.pk), "state": change.state, "at": now().isoformat()})


def apply(change: TierChange, *, actor: Actor) -> TierChange:
    """Put the tenant under its new tier, or void the change if what was signed no longer holds."""
    tenant = Tenant.objects.select_for_update(of=("self",), no_key=True).select_related("tier").get(pk=change.tenant_id)
    fault = _fault(change, tenant)
    if fault:
        move(change, "void", fault)
        envelopes.release(change.pk)
        record("tier_change.voided", change, actor=actor, reason=fault)
        tell(change)
        return change
    change.before = _standing(tenant)
    more = _more(change)
    _move_money(change, tenant)
    monthly = None if tenant.monthly_cost_inr is None else tenant.monthly_cost_inr + more / 12
    registry.change_tier(
        tenant.pk,
        change.to_tier,
        actor=actor,
        reason=str(change),
        monthly_cost_inr=_figure(change.cost["after"]["monthly_inr"]) or monthly,
        annual_budget_inr=max(tenant.annual_budget_inr + more, NOTHING),
    )
    _agree(change, tenant, more, actor)
    move(change, "apply", "")
    record("tier_change.applied", change, actor=actor, data={"from": change.from_tier_id, "to": change.to_tier_id})
    tell(change)
    return change


def take_back(change: TierChange, *, actor: Actor, reason: str) -> TierChange:
    """Give the tenant back what it had, unless its tier is another change's by now: then a person decides."""
    tenant = Tenant.objects.select_for_update(of=("self",), no_key=True).select_related("tier").get(pk=change.tenant_id)
    if tenant.status not in (Status.ACTIVE, Status.SUSPENDED):
        move(change, "keep", f"The tenant is {tenant.status}.")
    elif overtaken := _overtaken_by(change, tenant):
        move(change, "meet_conflict", overtaken)
    else:
        before = change.before
        figures = {name: _figure(before[name]) for name in MONEY}
        registry.change_tier(tenant.pk, change.from_tier, actor=actor, reason=reason, **figures, **before["own_limits"])
        _give_back_price(change, tenant, actor, reason)
        if _more(change) > 0:
            envelopes.end(change.pk)
        move(change, "take_back", reason)
    record(f"tier_change.{change.state}", change, actor=actor, reason=reason)
    tell(change)
    return change


def _fault(change: TierChange, tenant: Tenant) -> str:
    """Why a change that is approved cannot come into force, or an empty string."""
    if change.ends_on and change.ends_on <= now().date():
        return "The time it was asked for is over."
    if tenant.status not in (Status.ACTIVE, Status.SUSPENDED):
        return f"The tenant is {tenant.status}."
    if tenant.tier_id != change.from_tier_id:
        return f"The tenant is {tenant.tier.name} by now."
    if not change.to_tier.is_offered:
        return f"{change.to_tier.name} is not offered any more."
    if what_changes(tenant, change.to_tier) != change.cost["changes"]:
        return "What the tiers promise has changed since it was signed."
    return ""


def _overtaken_by(change: TierChange, tenant: Tenant) -> str:
    later = TierChange.objects.filter(tenant=tenant, state__in=CAME_INTO_FORCE, applied_at__gt=change.applied_at)
    if tenant.tier_id == change.to_tier_id and not later.exclude(state=State.RETURNED).exists():
        return ""
    return f"The tenant is {tenant.tier.name} by a later change; going back would undo that."


def _standing(tenant: Tenant) -> dict[str, Any]:
    """What the tenant has now, to be given back. Limits it had from its tier will be the tier's as they are then."""
    baseline = agreed_baseline(tenant)
    figures = {name: getattr(tenant, name) for name in MONEY} | {"baseline_inr": baseline}
    said = {name: None if value is None else f"{value:f}" for name, value in figures.items()}
    of_tier = tenant.tier.limits()
    own = {name: limit for name, limit in tenant.limits().items() if limit != of_tier[name]}
    return {**said, "own_limits": own, "price_book": tenant.price_book_id or ""}


def _more(change: TierChange) -> Decimal:
    """What the change adds to (or, negative, takes from) budget and envelope a year, as it was signed."""
    return change.counted_inr or change.yearly_inr or NOTHING


def _move_money(change: TierChange, tenant: Tenant) -> None:
    """More is committed. Less is given back, but not for a time: the way back must always fit the envelope."""
    more = _more(change)
    if more > 0:
        envelopes.commit(change.pk)
    elif more < 0 and not change.is_for_a_time:
        envelopes.lower(tenant, holder_id=change.pk, by_inr=-more)


def _agree(change: TierChange, tenant: Tenant, more: Decimal, actor: Actor) -> None:
    """The new baseline counts from today, so the statement of the month charges both by days."""
    had = agreed_baseline(tenant)
    if had is not None and tenant.activated_at:
        costs.agree_first(tenant.pk, had, tenant.activated_at.date(), actor=actor, reason="as it was before")
    monthly = baseline_of(change.cost["after"])
    if monthly is None and had is not None:
        monthly = had + more / 12
    if monthly is not None:
        book = change.cost["after"]["price_book"]
        costs.agree(tenant.pk, monthly, now().date(), actor=actor, reason=str(change), price_book=book)


def _give_back_price(change: TierChange, tenant: Tenant, actor: Actor, reason: str) -> None:
    baseline = _figure(change.before["baseline_inr"])
    if baseline is not None:
        book = change.before["price_book"]
        costs.agree(tenant.pk, baseline, now().date(), actor=actor, reason=reason, price_book=book)


def _figure(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)
