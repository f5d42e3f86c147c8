"""Reads of portfolios: how far each member is, what is spent, and whose turn it is."""

from collections.abc import Iterable
from decimal import Decimal

from lifecycle.migration.models import Migration
from lifecycle.migration.models import State as Move
from portal.lib.clock import now
from portal.lib.errors import Blocked

from .models import Member, State


def is_stable(migration: Migration) -> bool:
    """True once its stability is over without a failure: a wave is done when all of its moves are."""
    ended = migration.stable_at is not None and migration.stable_at <= now() and migration.rollback_job_id is None
    return migration.state in (Move.BLUE_DECOMMISSIONED, Move.COMPLETED) or (
        migration.state == Move.TRAFFIC_CUTOVER_COMPLETE and ended
    )


def has_gone_wrong(migration: Migration) -> bool:
    """True for one that failed, was taken back, or is being taken back."""
    return migration.state in (Move.FAILED, Move.ROLLED_BACK) or migration.rollback_job_id is not None


def cost_of(migration: Migration) -> Decimal | None:
    """What was planned and signed; None where a price is not known."""
    total = migration.estimate.get("total_inr")
    return None if total is None else Decimal(total)


def cost_of_all(members: Iterable[Member]) -> Decimal | None:
    """None as soon as one is not known."""
    costs = [cost_of(one.migration) for one in members]
    return None if None in costs else sum((one or Decimal(0) for one in costs), Decimal(0))


def has_begun(member: Member) -> bool:
    return member.migration.job_id is not None


def wave_of(members: Iterable[Member]) -> int | None:
    """The wave that is next or under way: the first with a member that is not stable. None: all are."""
    return next((one.wave for one in members if not one.left_out_at and not is_stable(one.migration)), None)


def not_its_turn(migration: Migration) -> str:
    """Why this move's portfolio holds it back; "" where it is in none, or its wave may begin."""
    member = Member.objects.select_related("portfolio").filter(migration=migration).first()
    if member is None:
        return ""
    portfolio = member.portfolio
    if portfolio.state != State.RUNNING:
        return f"It belongs to {portfolio}, which is {portfolio.get_state_display()}."
    wave = wave_of(portfolio.members.select_related("migration"))
    return "" if wave == member.wave else f"It belongs to wave {member.wave} of {portfolio}; wave {wave} is not stable."


def require_turn(migration: Migration) -> None:
    """Raise Blocked while the move's portfolio holds it back."""
    if why := not_its_turn(migration):
        raise Blocked(why, by="portfolio")
