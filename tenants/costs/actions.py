"""Writes about money: rates are published, baselines agreed, closed months corrected in the next."""

from datetime import date
from decimal import Decimal
from uuid import UUID

from django.db import IntegrityError, transaction

from portal.access import policy
from portal.access.actor import Actor
from portal.audit.actions import record
from portal.audit.context import action
from portal.jobs.outbox import emit
from portal.lib.clock import now
from portal.lib.errors import Absent, Conflict, Invalid
from tenants.models import Tier
from tenants.usage.models import Month

from .models import Adjustment, Agreement, CentreMonth, Overrun, Rate, State, Statement, Terms


@action
def publish_rate(
    currency: str, inr_per_unit: Decimal, effective_on: date, source: str, *, actor: Actor, reason: str
) -> Rate:
    """Say what a currency costs from a day on. A rate that was published is not changed: another day's follows it."""
    policy.require(actor, "rate.edit")
    rate = Rate(currency=currency, inr_per_unit=inr_per_unit, effective_on=effective_on, source=source)
    rate.published_by = actor.id
    if currency == "INR":
        raise Invalid(fields={"currency": "the rupee is what the book is kept in"})
    rate.full_clean(validate_unique=False, validate_constraints=False)
    try:
        with transaction.atomic():
            rate.save(force_insert=True)
    except IntegrityError:
        raise Conflict(f"There is a rate of {currency} for {effective_on} already.", code="rate-exists") from None
    record("rate.published", rate, actor=actor, reason=reason, data={"currency": currency, "inr": inr_per_unit})
    return rate


@action
def publish_terms(
    tier_code: str,
    effective_on: date,
    notice_days: int,
    grace_days: int,
    credits: list[tuple[str, str]],
    source: str,
    *,
    actor: Actor,
    reason: str,
) -> Terms:
    """Say what is agreed with the tenants of a tier from a day on; the next terms follow these."""
    policy.require(actor, "terms.edit")
    if not Tier.objects.filter(pk=tier_code).exists():
        raise Invalid(fields={"tier": "there is no such tier"})
    for below, percent in credits:
        if not (0 < Decimal(below) <= 100 and 0 < Decimal(percent) <= 100):
            raise Invalid(fields={"credits": "percentages above 0 and up to 100"})
    terms = Terms(
        tier_id=tier_code, effective_on=effective_on, notice_days=notice_days, grace_days=grace_days,
        credits=[[below, percent] for below, percent in credits], source=source, published_by=actor.id,
    )  # fmt: skip
    terms.full_clean(validate_unique=False, validate_constraints=False)
    try:
        with transaction.atomic():
            terms.save(force_insert=True)
    except IntegrityError:
        raise Conflict(f"There are terms of {tier_code} for {effective_on} already.", code="terms-exist") from None
    record("terms.published", terms, actor=actor, reason=reason, data={"tier": tier_code, "on": effective_on})
    return terms


@action
def agree(
    tenant_id: UUID, monthly_inr: Decimal, effective_on: date, *, actor: Actor, reason: str, price_book: str = ""
) -> Agreement:
    """Agree on a tenant's monthly baseline from a day on, until the next agreement; the same twice is one."""
    found = Agreement.objects.filter(tenant_id=tenant_id, effective_on=effective_on).order_by("-created_at").first()
    if found is not None and found.monthly_inr == monthly_inr:
        return found
    row = Agreement.objects.create(
        tenant_id=tenant_id,
        monthly_inr=monthly_inr,
        effective_on=effective_on,
        price_book_id=price_book or None,
        reason=reason[:500],
        agreed_by=actor.id,
    )
    record("baseline.agreed", row, actor=actor, reason=reason, data={"monthly_inr": monthly_inr, "on": effective_on})
    return row


@action
def agree_first(tenant_id: UUID, monthly_inr: Decimal, since: date, *, actor: Actor, reason: str) -> None:
    """Write down what was charged so far, where no agreement says it: the next one must not reach into the past."""
    if not Agreement.objects.filter(tenant_id=tenant_id).exists():
        agree(tenant_id, monthly_inr, since, actor=actor, reason=reason)


@action
def adjust(statement_id: UUID, amount_inr: Decimal, *, actor: Actor, reason: str) -> Adjustment:
    """Correct a closed statement by a line in the first open month after it."""
    statement = Statement.objects.visible_to(actor).select_related("tenant").filter(pk=statement_id).first()
    if statement is None:
        raise Absent("There is no such statement.")
    policy.require(actor, "cost.adjust", statement)
    if statement.state != State.CLOSED:
        raise Conflict("The month is open: correct what was counted, or the prices.", code="statement-open")
    if amount_inr == 0 or not reason.strip():
        raise Invalid(fields={"amount_inr" if reason.strip() else "reason": "a correction has an amount and a reason"})
    into = Month.objects.select_for_update().filter(month__gt=statement.month_id, closed_at=None).order_by("month")
    month = into.first()
    if month is None:
        raise Conflict("No later month is open yet; try again in a minute.", code="month-closing")
    row = Adjustment.objects.create(
        tenant=statement.tenant, month=month, about=statement.month_id, amount_inr=amount_inr, reason=reason.strip(),
        made_by=actor.id,
    )  # fmt: skip
    record("statement.corrected", statement, actor=actor, reason=reason, data={"amount_inr": amount_inr})
    return row


@action
def escalate(centre: CentreMonth, *, actor: Actor) -> Overrun | None:
    """Tell the owners and the CFO that a cost centre is over its budget, once a month; None when they know."""
    row, is_new = Overrun.objects.get_or_create(
        cost_centre=centre.cost_centre,
        month_id=centre.month_id,
        defaults={"known_inr": centre.known_inr, "budget_inr": centre.budget_inr, "at": now()},
    )
    if not is_new:
        return None
    owners = Statement.objects.filter(month_id=centre.month_id, cost_centre=centre.cost_centre)
    payload = {
        "centre_id": centre.pk,
        "cost_centre": centre.cost_centre,
        "month": centre.month_id,
        "known_inr": centre.known_inr,
        "budget_inr": centre.budget_inr,
        "variance_percent": centre.variance_percent,
        "owners": sorted({str(pk) for pk in owners.values_list("tenant__owner_id", flat=True)}),
    }
    record("budget.exceeded", row, actor=actor, data={"known": centre.known_inr, "budget": centre.budget_inr})
    emit("budget.exceeded", payload)
    return row
