"""What S3 Inventory says of both sides, beside what the comparison has read: a second witness, where there is one."""

from typing import Any

from lifecycle.migration.engine import second
from lifecycle.migration.engine.move import Move
from lifecycle.migration.models import Migration
from lifecycle.stores.errors import Permanent
from portal.jobs.context import StepContext
from portal.lib.clock import now

from .common import again, beating

ASKED_AGAIN = 300  # seconds: a report is made once a day


def require_agreed(ctx: StepContext, migration: Migration, move: Move) -> dict[str, Any]:
    """What a report of either side says, by region; waits where one differs, until it does not or is taken away.

    No report is only said: few buckets have one.
    """
    if kept := ctx.step.evidence.get("inventory"):
        return dict(kept)
    since = migration.started_at or now()
    seen = {region.name: _seen(ctx, move, side, since) for side, region in enumerate((move.source, move.target))}
    for name, one in seen.items():
        if one["outcome"] == second.DIFFERS:
            words = f"The inventory of {name} of {one['at']} differs in {one['unlike']} objects"
            ctx.log(f"{words}: {one['keys']}", "error")
            raise again(ASKED_AGAIN, f"{words}. It goes on once a later report agrees, or this one is taken away.")
    ctx.log("Inventory: " + ", ".join(f"{name}: {one['outcome']}" for name, one in seen.items()) + ".")
    ctx.note(inventory=seen)
    return seen


def _seen(ctx: StepContext, move: Move, side: int, since: Any) -> dict[str, Any]:
    try:
        return second.look(move, side, since, beating(ctx)).as_json()
    except Permanent as refused:
        return {"outcome": second.NONE, "why": str(refused)[:500]}
