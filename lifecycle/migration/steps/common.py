"""What every step needs of its move: the row, the engine's `Move`, a way to advance, a way to say how far it is."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

from lifecycle.migration.control import move_at
from lifecycle.migration.engine.move import Move, Overtaken, acknowledge, acknowledge_in
from lifecycle.migration.engine.rounds import Round as Carried
from lifecycle.migration.losses import questions
from lifecycle.migration.losses.queries import is_given_up
from lifecycle.migration.models import Direction, Migration, Round, State
from lifecycle.migration.moving import locked, move
from lifecycle.migration.rehearsing import kill
from lifecycle.provisioning.subject import region_named
from lifecycle.stores.errors import Transient
from portal.jobs.context import StepContext
from portal.jobs.errors import Cancelled, WaitUntil
from portal.jobs.models import JobState
from portal.jobs.outbox import emit
from portal.lib.clock import now

SLICE_SECONDS = 20  # of work before the worker is given back


def migration_of(ctx: StepContext) -> Migration:
    """The move as it stands, or a wait while it is paused."""
    rows = Migration.objects.select_related("tenant__tier", "tenant__business_unit")
    migration = rows.get(pk=UUID(ctx.params["migration_id"]))
    _not_paused(migration)
    return migration


def advance(ctx: StepContext, word: str, source: str) -> Migration:
    """Take the move on from `source`; one that is further already stays where it is, and so does one taken back."""
    with ctx.fenced() as job:
        if job.state == JobState.CANCELLING:
            raise Cancelled(f"It was asked to end before it could {word.replace('_', ' ')}.")
        migration = locked(UUID(ctx.params["migration_id"]))
        _not_paused(migration)
        if migration.state == source:
            move(migration, word, actor=ctx.actor)
    return migration


def beating(ctx: StepContext) -> Callable[[], None]:
    """A heartbeat for long looks, which end with it when somebody asks for the end."""

    def beat() -> None:
        ctx.heartbeat()
        if ctx.cancel_requested:
            raise Cancelled("Stopped in the middle of a look: nothing was changed.")

    return beat


def _not_paused(migration: Migration) -> None:
    if migration.state == State.PAUSED:
        raise WaitUntil(None, f"Paused: {migration.state_reason}")


def engine_move(ctx: StepContext, migration: Migration) -> Move:
    """What the engine is told, acknowledged by both stores: whoever had this job before acts nowhere any more.

    A green that was given up is asked for nothing.
    """
    found = to_look_at(ctx, migration)
    if is_given_up(migration):
        acknowledge_in(found.source, found)
    else:
        acknowledge(found)
    return found


def to_look_at(ctx: StepContext, migration: Migration) -> Move:
    """What the engine is told of a move in which nothing is written: no store is asked for it."""
    return move_at(migration, ctx.epoch, region_named(migration.source), region_named(migration.target))


@contextmanager
def a_person_decides(ctx: StepContext, migration: Migration) -> Iterator[None]:
    """While a side does not answer, say how many writes would be lost with green, and come again.

    Where that side is green, a person is asked whether to go on without it; where it is blue, the engineers are told
    that it does not follow. A side that answers no is not silent: the step fails with what it said.
    """
    try:
        yield
        questions.answered(ctx, migration)
    except Overtaken as error:
        raise again(5, "Another worker held the move meanwhile.") from error
    except Transient as error:
        asked = questions.ask(ctx, migration)
        migration.refresh_from_db(fields=["exposure"])
        known = "an unknown number of" if migration.exposure is None else f"{migration.exposure}"
        if asked is None and migration.is_switched:
            _tell_not_following(ctx, migration, known)
        ctx.log(f"A side does not answer: {error}. If green is lost, {known} writes are.", "error")
        raise again(5, f"A side does not answer; {known} writes would be lost with green. A person decides.") from error


def _tell_not_following(ctx: StepContext, migration: Migration, known: str) -> None:
    """Blue falls behind: told once for each silence, and again with each further digit of what would be lost."""
    last = Round.objects.filter(migration=migration).values_list("pk", flat=True).first()
    with ctx.fenced():
        emit(
            "migration.not_following",
            {
                "migration_id": str(migration.pk),
                "tenant_id": str(migration.tenant_id),
                "business_unit": migration.tenant.business_unit_id,
                "name": migration.tenant.name,
                "writes": known,
                "silence": f"{last}:{known if migration.exposure is None else len(known)}",
            },
        )


def measure(ctx: StepContext, **figures: Any) -> None:
    """Show how far the move is. `exposure` comes with the moment before it was counted, and nothing else moves that."""
    with ctx.fenced():
        Migration.objects.filter(pk=ctx.params["migration_id"]).update(**figures)
    kill.passing(ctx, ctx.params["migration_id"])


def keep_round(ctx: StepContext, found: Carried, direction: Direction) -> None:
    """Write a round that carried something into the move's log, and what it could not carry any more."""
    for table, keys in found.gone.items():
        said = f"{keys} keys captured of it were looked for in every other table, and let go"
        ctx.log(f"{table} is in neither region any more: {said}.", "warning")
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
