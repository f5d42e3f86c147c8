"""Rounds back: blue follows green, and holds what green does as of the same moment, or the tenant is taken back."""

from lifecycle.migration.engine import rounds, verify
from lifecycle.migration.engine.move import Move
from lifecycle.migration.engine.proven import proven
from lifecycle.migration.judging.actions import differ
from lifecycle.migration.models import Direction, Migration
from portal.jobs.context import StepContext

from .sync import shown


def round_back(ctx: StepContext, migration: Migration, back: Move) -> rounds.Round:
    """One round, whose keys are read again on both sides."""
    done, wrong = proven(back)
    shown(ctx, done, Direction.BACK)
    require_alike(ctx, migration, wrong)
    return done


def require_alike(ctx: StepContext, migration: Migration, wrong: verify.Keys) -> None:
    """Raises Cancelled where rows differ, once the gates have asked for the way back; it carries these keys again."""
    if wrong:
        ctx.log(f"The sides differ: {wrong}", "error")
        differ(ctx, migration, sum(map(len, wrong.values())))
