"""One look at a running portfolio: stop it, wait, start the next wave, or say that all of it is done."""

from uuid import UUID

from lifecycle.migration import actions as moves
from lifecycle.migration.reviews.models import Review
from portal.access.actor import Actor
from portal.audit.actions import record
from portal.audit.context import action
from portal.jobs.outbox import emit
from portal.lib.clock import now
from portal.lib.errors import Refusal
from portal.lib.money import inr

from .actions import locked
from .models import Member, Portfolio, State
from .queries import cost_of_all, has_begun, has_gone_wrong, wave_of

SYSTEM = Actor.system("migration.portfolios")


@action
def advance(portfolio_id: UUID, *, actor: Actor, reason: str = "") -> None:
    """Safe to repeat, and to run twice at once. Starts nothing unless everything speaks for it."""
    portfolio = locked(portfolio_id)
    if portfolio.state != State.RUNNING:
        return
    members = list(portfolio.members.select_related("migration__tenant__tier"))
    staying, wave = [one for one in members if not one.left_out_at], wave_of(members)
    if wrong := [one for one in staying if has_gone_wrong(one.migration)]:
        _stop(portfolio, _went_wrong(wrong))
    elif wave is None:
        _end(portfolio)
    elif not (waiting := [one for one in staying if one.wave == wave and not has_begun(one)]):
        _wait(portfolio, f"Wave {wave} is under way.")
    elif too_much := _over_budget(portfolio, [one for one in members if has_begun(one)], waiting):
        _stop(portfolio, too_much)
    else:
        _wait(portfolio, _under_review(portfolio, members) or _begin(waiting))


def _went_wrong(wrong: list[Member]) -> str:
    said = (f"{one.migration.tenant.name} is {one.migration.get_state_display()}" for one in wrong)
    return f"A member went wrong: {', '.join(said)}."


def _over_budget(portfolio: Portfolio, begun: list[Member], waiting: list[Member]) -> str:
    """Why the wave may not be paid for; what is not known is never within the budget."""
    total = cost_of_all([*begun, *waiting])
    if total is None:
        return "What the next wave costs is not known, which is never within the budget."
    if total > portfolio.budget_inr:
        return f"With the next wave it would cost {inr(total)}; the budget is {inr(portfolio.budget_inr)}."
    return ""


def _under_review(portfolio: Portfolio, members: list[Member]) -> str:
    tenants = [one.tenant_id for one in members]
    about = {"migration__tenant__in": tenants, "migration__target": portfolio.target, "closed_at": None}
    is_open = Review.objects.filter(**about).select_related("migration__tenant").first()
    return f"{is_open.migration.tenant.name} is under review." if is_open else ""


def _begin(waiting: list[Member]) -> str:
    """Start what may be started; returns what the others wait for. The regions' places are kept by the moves."""
    held = []
    for one in waiting:
        try:
            moves.start(one.migration_id, actor=SYSTEM, reason=f"Wave {one.wave} of {one.portfolio}.")
        except Refusal as refusal:
            held.append(f"{one.migration.tenant.name}: {refusal.detail}")
    return " ".join(held)


def _wait(portfolio: Portfolio, why: str) -> None:
    if portfolio.waits_for != why[:1000]:
        portfolio.waits_for = why[:1000]
        portfolio.save(update_fields=["waits_for"])


def _stop(portfolio: Portfolio, why: str) -> None:
    portfolio.state, portfolio.state_reason, portfolio.waits_for = State.STOPPED, why[:1000], ""
    portfolio.save()
    record("portfolio.stopped", portfolio, actor=SYSTEM, reason=why)
    _tell(portfolio)


def _end(portfolio: Portfolio) -> None:
    portfolio.state, portfolio.state_reason, portfolio.waits_for = State.COMPLETED, "", ""
    portfolio.ended_at = now()
    portfolio.save()
    record("portfolio.completed", portfolio, actor=SYSTEM)
    _tell(portfolio)


def _tell(portfolio: Portfolio) -> None:
    emit(
        "portfolio.changed",
        {
            "portfolio_id": str(portfolio.pk),
            "name": f"{portfolio} {portfolio.title}",
            "state": portfolio.state,
            "reason": portfolio.state_reason,
            "users": [str(portfolio.requested_by_id)],
            "at": now().isoformat(),
        },
    )
