"""What people do with a portfolio: ask for it, start it, stop it, go on, withdraw it."""

from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Max

from lifecycle.migration import actions as moves
from lifecycle.migration.models import State as Move
from portal.access import policy
from portal.access.actor import Actor
from portal.access.models import User
from portal.audit.actions import record
from portal.audit.context import action
from portal.lib.clock import now
from portal.lib.errors import Absent, Conflict, Invalid, NotAllowed
from portal.lib.money import inr

from .models import Member, Portfolio, State
from .planning import PortfolioPlan, is_whole, plan_portfolio


def request(
    target: str,
    waves: list[list[UUID]],
    budget_inr: Decimal,
    *,
    actor: Actor,
    reason: str,
    title: str,
    is_rehearsal: bool = False,
) -> Portfolio:
    """Ask for all of its moves at once, each with its own approval. Nothing is kept if one is refused or unpriced."""
    if actor.user is None:
        raise NotAllowed("A portfolio is asked for by a person.")
    plan = plan_portfolio(target, waves, budget_inr, actor=actor, is_rehearsal=is_rehearsal)
    if plan.refused:
        said = " ".join(f"{one.name}: {one.refused}" for one in plan.refused)
        raise Invalid(said, code="preflight-refused")
    if not plan.fits:
        raise Invalid(fields={"budget_inr": _does_not_fit(plan)})
    return _keep(plan, actor.user, actor=actor, reason=reason, title=title, is_rehearsal=is_rehearsal)


def _does_not_fit(plan: PortfolioPlan) -> str:
    if plan.total_inr is None:
        return f"no price is known for {', '.join(one.name for one in plan.unpriced)}, which is never within a budget"
    return f"all of it costs {inr(plan.total_inr)}"


@action
def _keep(plan: PortfolioPlan, by: User, *, actor: Actor, reason: str, title: str, is_rehearsal: bool) -> Portfolio:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended('portfolio.number', 0))")
    portfolio = Portfolio.objects.create(
        number=(Portfolio.objects.aggregate(last=Max("number"))["last"] or 0) + 1,
        title=title.strip(),
        target=plan.target,
        budget_inr=plan.budget_inr,
        is_rehearsal=is_rehearsal,
        justification=reason,
        requested_by=by,
    )
    for row in plan.rows:
        assert row.plan is not None  # none is refused
        migration = moves.keep(row.plan, actor=actor, reason=reason, aggregation_key=f"portfolio:{portfolio.pk}")
        Member.objects.create(portfolio=portfolio, wave=row.wave, tenant_id=row.tenant_id, migration=migration)
    record("portfolio.requested", portfolio, actor=actor, reason=reason, data={"members": len(plan.rows)})
    return portfolio


@action
def start(portfolio_id: UUID, *, actor: Actor, reason: str) -> Portfolio:
    """Let the first wave begin. Each move still waits for its own signatures and notice."""
    portfolio = _mine(portfolio_id, actor, State.PLANNED)
    portfolio.started_at = now()
    return _put(portfolio, State.RUNNING, actor=actor, reason=reason)


@action
def stop(portfolio_id: UUID, *, actor: Actor, reason: str) -> Portfolio:
    """Begin no further move. Those under way go on; those in line wait."""
    return _put(_mine(portfolio_id, actor, State.RUNNING), State.STOPPED, actor=actor, reason=reason)


@action
def resume(portfolio_id: UUID, *, actor: Actor, reason: str) -> Portfolio:
    """Go on without the members that were taken back. One that failed is resumed or taken back first."""
    portfolio = _mine(portfolio_id, actor, State.STOPPED)
    staying = portfolio.members.filter(left_out_at=None)
    if failed := [str(one.migration) for one in staying.filter(migration__state=Move.FAILED)]:
        raise Conflict(f"{', '.join(failed)} failed: resume it, or take it back.", code="member-failed")
    for one in staying.filter(migration__state=Move.ROLLED_BACK):
        one.left_out_at = now()
        one.save(update_fields=["left_out_at"])
    return _put(portfolio, State.RUNNING, actor=actor, reason=reason)


@action
def cancel(portfolio_id: UUID, *, actor: Actor, reason: str) -> Portfolio:
    """Withdraw what has not begun. What has is operated by itself."""
    portfolio = _mine(portfolio_id, actor, State.PLANNED, State.STOPPED)
    for one in portfolio.members.filter(migration__state=Move.INITIATED):
        moves.cancel(one.migration_id, actor=actor, reason=reason)
    portfolio.ended_at = now()
    return _put(portfolio, State.CANCELLED, actor=actor, reason=reason)


@action
def set_budget(portfolio_id: UUID, *, actor: Actor, reason: str, budget_inr: Decimal) -> Portfolio:
    """Change what all of it may cost while it does not run."""
    portfolio = _mine(portfolio_id, actor, State.PLANNED, State.STOPPED)
    if not is_whole(budget_inr):
        raise Invalid(fields={"budget_inr": "whole rupees above ₹0"})
    before, portfolio.budget_inr = portfolio.budget_inr, budget_inr
    portfolio.save(update_fields=["budget_inr"])
    data = {"before": before, "after": budget_inr}
    record("portfolio.budget_changed", portfolio, actor=actor, reason=reason, data=data)
    return portfolio


def locked(portfolio_id: UUID) -> Portfolio:
    """The portfolio's row, locked for the rest of the transaction."""
    found: Portfolio | None = Portfolio.objects.select_for_update(no_key=True).filter(pk=portfolio_id).first()
    if found is None:
        raise Absent("There is no such portfolio.")
    return found


def _mine(portfolio_id: UUID, actor: Actor, *states: Any) -> Portfolio:
    policy.require(actor, "portfolio.edit")
    portfolio = locked(portfolio_id)
    if portfolio.state not in states:
        raise Conflict(f"The portfolio is {portfolio.get_state_display()}.", code="wrong-state")
    return portfolio


def _put(portfolio: Portfolio, state: State, *, actor: Actor, reason: str) -> Portfolio:
    before, portfolio.state = portfolio.state, state
    portfolio.state_reason, portfolio.waits_for = reason[:1000], ""
    portfolio.save()
    record(f"portfolio.{state}", portfolio, actor=actor, reason=reason, data={"from": before})
    return portfolio
