"""What every step needs of its move: the row, the engine's `Move`, a way to advance, a way to say how far it is."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

from lifecycle.migration.control import move_at
from lifecycle.migration.engine.move import Move, acknowledge
from lifecycle.migration.engine.rounds import Round as Carried
from lifecycle.migration.models import Direction, Migration, Round, State
from lifecycle.migration.moving import locked, move
from lifecycle.migration.rehearsing import kill
from lifecycle.provisioning.subject import region_named
from lifecycle.stores.errors import StoreError
from portal.jobs.context import StepContext
from portal.jobs.errors import WaitUntil
from portal.lib.clock import now

SLICE_SECONDS = 20  # of work before the worker is given back


def migration_of(ctx: StepContext) -> Migration:
    """The move as it stands, or a wait while it is paused."""
    rows = Migration.objects.select_related("tenant__tier", "tenant__business_unit")
    migration = rows.get(pk=UUID(ctx.params["migration_id"]))
    _not_paused(migration)
    return migration


def advance(ctx: StepContext, word: str, source: str) -> Migration:
    """Take the move on from `source`; one that is further already stays where it is."""
    with ctx.fenced():
        migration = locked(UUID(ctx.params["migration_id"]))
        _not_paused(migration)
        if migration.state == source:
            move(migration, word, actor=ctx.actor)
    return migration


def _not_paused(migration: Migration) -> None:
    if migration.state == State.PAUSED:
        raise WaitUntil(None, f"Paused: {migration.state_reason}")


def engine_move(ctx: StepContext, migration: Migration) -> Move:
    """What the engine is told, acknowledged by both stores: whoever had this job before acts nowhere any more."""
    found = to_look_at(ctx, migration)
    acknowledge(found)
    return found


def to_look_at(ctx: StepContext, migration: Migration) -> Move:
    """What the engine is told of a move in which nothing is written: no store is asked for it."""
    return move_at(migration, ctx.epoch, region_named(migration.source), region_named(migration.target))


@contextmanager
def a_person_decides(ctx: StepContext, migration: Migration) -> Iterator[None]:
    """While a side does not answer, say how many writes would be lost with green, and come again."""
    try:
        yield
    except StoreError as error:
        migration.refresh_from_db(fields=["exposure"])
        known = "an unknown number of" if migration.exposure is None else f"{migration.exposure}"
        ctx.log(f"A side does not answer: {error}. If green is lost, {known} writes are.", "error")
        raise again(5, f"A side does not answer; {known} writes would be lost with green. A person decides.") from error


def measure(ctx: StepContext, **figures: Any) -> None:
    """Show how far the move is."""
    with ctx.fenced():
        Migration.objects.filter(pk=ctx.params["migration_id"]).update(**figures, measured_at=now())
    kill.passing(ctx, ctx.params["migration_id"])


def keep_round(ctx: StepContext, found: Carried, direction: Direction) -> None:
    """Write a round that carried something into the move's log."""
    if not found.keys:
        return
    with ctx.fenced():
        Round.objects.create(
            migration_id=ctx.params["migration_id"],
            direction=direction,
            keys=found.keys,
            upserted=found.upserted,
            deleted=found.deleted,
            seconds=found.seconds,
            left=found.left,
        )
    ctx.log(f"Round: {found.keys} keys in {found.seconds:.2f} s, {found.left} left.")


def again(seconds: float, reason: str) -> WaitUntil:
    """Give the worker back and come again."""
    return WaitUntil(now() + timedelta(seconds=seconds), reason)
