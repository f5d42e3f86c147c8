"""Before the switch reads go to green: asked on both sides first, then for a growing share of the tenant's callers."""

import time
from typing import Any

from lifecycle.migration.models import Direction, State
from lifecycle.migration.reading.actions import can_move, look, stand
from portal.jobs.context import StepContext
from portal.jobs.errors import Cancelled

from .common import SLICE_SECONDS, advance, again, engine_move, migration_of
from .sync import one_round

PAUSE = 0.2  # seconds between rounds: so far is green behind


def move_reads(ctx: StepContext) -> dict[str, Any]:
    """Each share for its soak, while rounds go on; writes stay where they are."""
    migration = advance(ctx, "begin_cutover", State.INCREMENTAL_SYNC)
    if migration.state != State.TRAFFIC_CUTOVER_STARTED or not can_move(migration):
        ctx.log("Reads move with the switch: in a window nobody reads, or there are not two platforms to read from.")
        return {"percent": 0}
    move, began, reading = engine_move(ctx, migration), time.monotonic(), stand(ctx)
    while reading.over_at is None:
        one_round(ctx, move, Direction.FORWARD)
        reading = look(ctx, migration_of(ctx), reading)
        if ctx.cancel_requested:
            raise Cancelled("Stopped between two shares.")
        if time.monotonic() - began > SLICE_SECONDS:
            raise again(0, f"Reads at {reading.percent} %: {reading.outcome}. {reading.reason}"[:500])
        time.sleep(PAUSE)
    return {"percent": reading.percent}
