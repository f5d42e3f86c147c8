"""What people do with a change of tier: ask for it, withdraw it, end it early, leave the tier as it is."""

from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from portal.access import policy
from portal.access.actor import Actor
from portal.approvals import actions as approvals
from portal.audit.actions import record
from portal.audit.context import action
from portal.lib.clock import now
from portal.lib.errors import Absent, Conflict, Invalid, NotAllowed
from tenants import envelopes
from tenants.models import Status, Tenant, Tier
from tenants.queries import envelope_of

from . import fit, moving
from .judgement import Cost, Expected, agreed_use, content_digest, cost_of, counted, facts_of, of_the_time, what_changes
from .models import State, TierChange
from .moving import locked, move, tell

KIND = "tier_change"


def ask(
    tenant_id: UUID,
    tier: Tier,
    *,
    actor: Actor,
    justification: str,
    starts_on: date | None = None,
    ends_on: date | None = None,
    expected: dict[str, int] | None = None,
    budget_inr: Decimal | None = None,
    acknowledged: bool = False,
) -> TierChange:
    """Ask for another tier, for good or for a time. What the tenant uses is read before anything is locked."""
    tenant = asked_about(tenant_id, actor)
    _check(tenant, tier, starts_on, ends_on)
    use = expected_use(tenant, expected or {})
    exceeds = check_fit(tenant, tier, acknowledged=acknowledged)
    change = TierChange(
        tenant=tenant,
        from_tier=tenant.tier,
        to_tier=tier,
        starts_on=starts_on,
        ends_on=ends_on,
        expected_users=use.users,
        expected_documents=use.documents,
        expected_queries_per_day=use.queries_per_day,
        justification=justification.strip(),
        exceeds=[one.as_json() for one in exceeds],
        is_acknowledged=acknowledged and bool(exceeds),
    )
    return _open(change, use, budget_inr, actor=actor, reason=change.justification[:500])


@action
def _open(change: TierChange, use: Expected, budget_inr: Decimal | None, *, actor: Actor, reason: str) -> TierChange:
    """Write the change, hold its money and open its case; the tenant's row is locked, so that one alone is open."""
    rows = Tenant.objects.select_for_update(of=("self",), no_key=True).select_related("tier", "business_unit")
    tenant = change.tenant = rows.get(pk=change.tenant_id)
    if tenant.tier_id != change.from_tier_id:
        raise Conflict("The tenant's tier has just changed; look at it again.", code="tier-moved")
    cost = cost_of(tenant, change.to_tier, use)
    change.cost = {
        "before": cost.before.as_json(),
        "after": cost.after.as_json(),
        "changes": what_changes(tenant, change.to_tier),
    }
    change.yearly_inr, change.counted_inr = cost.yearly_inr, counted_or_invalid(cost, budget_inr)
    assert actor.user is not None
    change.requested_by = actor.user
    change.digest = content_digest(change, tenant, cost)
    _save_new(change)
    if change.counted_inr > 0:
        unit = tenant.business_unit_id
        envelopes.reserve(unit, holder_id=change.pk, tenant_id=tenant.pk, amount_inr=change.counted_inr)
    record("tier_change.asked", change, actor=actor, reason=reason, data={"amount": change.counted_inr})
    case = approvals.open_case(
        actor=actor,
        kind=KIND,
        subject=change,
        title=str(change)[:200],
        amount_inr=None if cost.unpriced else change.counted_inr,
        aggregation_key=f"business_unit:{tenant.business_unit_id}",
        facts=facts_of(tenant, change.to_tier, cost),
        digest=change.digest,
        snapshot=_snapshot(change, cost),
    )
    change.case_id = case.pk
    change.save()
    return change


def _save_new(change: TierChange) -> None:
    try:
        change.full_clean(exclude=["state", "exceeds", "yearly_inr"], validate_constraints=False)
        with transaction.atomic():
            change.save(force_insert=True)
    except ValidationError as error:
        raise Invalid(fields={name: " ".join(texts) for name, texts in error.message_dict.items()}) from error
    except IntegrityError as error:
        if "one_open_tier_change" not in str(error):
            raise
        words = "A change of this tenant's tier is open already; withdraw that one first."
        raise Conflict(words, code="one-open") from None


def asked_about(tenant_id: UUID, actor: Actor) -> Tenant:
    """The tenant, if the actor may ask for another tier of it."""
    rows = Tenant.objects.visible_to(actor).select_related("tier", "business_unit")
    tenant = rows.filter(pk=tenant_id).first()
    if tenant is None:
        raise Absent("There is no such tenant.")
    policy.require(actor, "tier_change.create", tenant)
    if actor.user is None:
        raise NotAllowed("A change of tier is asked for by a person.")
    return tenant


def _check(tenant: Tenant, tier: Tier, starts_on: date | None, ends_on: date | None) -> None:
    today = now().date()
    if tenant.status not in (Status.ACTIVE, Status.SUSPENDED):
        raise Conflict(f"A tenant that is {tenant.status} does not change its tier.", code="wrong-state")
    if tier.pk == tenant.tier_id:
        raise Invalid(fields={"tier": f"the tenant is {tier.name} already"})
    if not tier.is_offered:
        raise Invalid(fields={"tier": "is not offered any more"})
    if starts_on and starts_on < today:
        raise Invalid(fields={"starts_on": "today or later; empty: as soon as it is approved"})
    if ends_on and ends_on <= (starts_on or today):
        raise Invalid(fields={"ends_on": "after the start; it is the day on which the tenant goes back"})


def expected_use(tenant: Tenant, given: dict[str, int]) -> Expected:
    """What is expected from now on: as given, and as last agreed where nothing is given."""
    known = agreed_use(tenant.pk)
    values = {name: given.get(f"expected_{name}") for name in ("users", "documents", "queries_per_day")}
    missing = [name for name, value in values.items() if value is None] if known is None else []
    if missing:
        raise Invalid(fields={f"expected_{name}": "nobody has said it for this tenant yet" for name in missing})
    return Expected(**{n: getattr(known, n) if v is None else v for n, v in values.items()})


def check_fit(tenant: Tenant, tier: Tier, *, acknowledged: bool) -> list[fit.Excess]:
    """What the tenant uses beyond a lower tier; Invalid unless there is nothing, or it is acknowledged."""
    if not fit.is_lower(tenant, tier):
        return []
    used = fit.used_by(tenant)
    found = fit.exceeding(used, tier)
    if found and not acknowledged:
        fits = [name for name in fit.fitting(used) if name != tenant.tier.name]
        other = f" What is used would fit: {', '.join(fits)}." if fits else ""
        words = "; ".join(one.in_words() for one in found)
        raise Invalid(
            f"The tenant does not fit {tier.name}. {words}.{other} Use less first, or acknowledge that what is over "
            "the limits is refused.",
            code="does-not-fit",
            exceeds=[one.as_json() for one in found],
            fits=fits,
        )
    return found


def counted_or_invalid(cost: Cost, budget_inr: Decimal | None) -> Decimal:
    """The amount that counts; without a price somebody must say what it may cost."""
    if cost.unpriced and not budget_inr:
        what = ", ".join(cost.unpriced)
        raise Invalid(fields={"budget_inr": f"there is no price for {what}: say what it may cost more a year"})
    return counted(cost, budget_inr)


def _snapshot(change: TierChange, cost: Cost) -> dict[str, Any]:
    tenant, first_day = change.tenant, change.starts_on or now().date()
    return {
        "sentence": f"{tenant.name} of {tenant.business_unit.name}: from {change.from_tier.name} to "
        f"{change.to_tier.name}.",
        "justification": change.justification,
        **change.cost,
        "unpriced": cost.unpriced,
        "monthly_inr": cost.monthly_inr,
        "yearly_inr": change.yearly_inr,
        "counted_inr": change.counted_inr,
        "season_inr": of_the_time(change.yearly_inr, first_day, change.ends_on),
        "starts_on": change.starts_on,
        "ends_on": change.ends_on,
        "exceeds": change.exceeds,
        "envelope": {name: f"{value:.2f}" for name, value in envelope_of(tenant.business_unit).items()},
    }


@action
def cancel(change_id: UUID, *, actor: Actor, reason: str) -> TierChange:
    """Withdraw a change that has not come into force."""
    change = _theirs(change_id, actor, "tier_change.cancel", reason)
    was_open = change.state == State.PENDING_APPROVAL
    move(change, "cancel", reason)
    envelopes.release(change.pk)
    record("tier_change.cancelled", change, actor=actor, reason=reason)
    if was_open and change.case_id:
        approvals.cancel_case(change.case_id, actor=moving.SYSTEM, reason=reason)
    tell(change)
    return change


@action
def end(change_id: UUID, *, actor: Actor, reason: str) -> TierChange:
    """Go back before the day that was asked for."""
    change = _theirs(change_id, actor, "tier_change.end", reason)
    if change.state != State.APPLIED or not change.is_for_a_time:
        raise Conflict("Only a change for a time that is in force can end early.", code="wrong-state")
    return moving.take_back(change, actor=actor, reason=reason)


@action
def keep(change_id: UUID, *, actor: Actor, reason: str) -> TierChange:
    """Leave the tenant under the tier it has, where the way back met another change."""
    change = _theirs(change_id, actor, "tier_change.end", reason)
    if change.state != State.RETURN_CONFLICT:
        raise Conflict(f"Nothing is in conflict: the change is {change.get_state_display()}.", code="wrong-state")
    move(change, "keep", reason)
    record("tier_change.kept", change, actor=actor, reason=reason)
    tell(change)
    return change


def _theirs(change_id: UUID, actor: Actor, verb: str, reason: str) -> TierChange:
    if not TierChange.objects.visible_to(actor).filter(pk=change_id).exists():
        raise Absent("There is no such change of tier.")
    change = locked(change_id)
    policy.require(actor, verb, change)
    if not reason.strip():
        raise Invalid(fields={"reason": "say why; it is kept in the record"})
    return change
