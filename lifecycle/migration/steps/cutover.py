"""The switch within its budget, and its mirror: the way back."""

import time
from dataclasses import replace
from typing import Any

from django.conf import settings

from lifecycle.migration.control import Control
from lifecycle.migration.engine import switch
from lifecycle.migration.engine.move import Move, Overtaken, acknowledge_in
from lifecycle.migration.engine.proven import proven
from lifecycle.migration.engine.rounds import Round
from lifecycle.migration.losses.giving_up import given_up, keep_without, without
from lifecycle.migration.models import ENDED, Attempt, Direction, Migration, Passage, State
from lifecycle.migration.moving import locked, move
from lifecycle.migration.recording import keep_record, switched_at
from lifecycle.migration.windows.actions import lift_now
from lifecycle.migration.windows.queries import open_window
from lifecycle.stores.errors import StoreError, Transient
from portal.jobs.context import StepContext
from portal.jobs.errors import Permanent, Skip, WaitUntil
from portal.lib.tracing import span
from tenants.placement.actions import end_operation, placement_of

from . import bulk, capture, closing
from .common import SLICE_SECONDS, a_person_decides, advance, again, engine_move, to_look_at
from .sync import Differ, fits, shown

IN_WINDOW_MS = 10_000


def cut_over(ctx: StepContext) -> dict[str, Any]:
    """Let green own the tenant's writes: clients wait for the length of one round, and lose nothing."""
    migration = advance(ctx, "begin_cutover", State.INCREMENTAL_SYNC)
    bulk.require_over(ctx, migration)
    there = engine_move(ctx, migration)
    done = _switched(ctx, migration, there, Direction.FORWARD)
    ctx.note(rounds=capture.rounds_of(there))
    with ctx.fenced():
        if done.pause_ms:
            Migration.objects.filter(pk=migration.pk).update(pause_ms=done.pause_ms)
        keep_record(locked(migration.pk), "switched", actor=ctx.actor, epoch=ctx.epoch)
    ctx.log(f"{migration.target} owns the tenant at epoch {done.epoch}; writers waited {done.pause_ms:.0f} ms.")
    return {"epoch": done.epoch, "pause_ms": round(done.pause_ms, 1), "keys_inside": done.keys_inside}


def take_back(ctx: StepContext) -> dict[str, Any]:
    """Make the source the owner: an abort before the switch, the same switch mirrored after it.

    Without green only where a person has accepted what is lost with it.
    """
    migration = _of_rollback(ctx)
    with span("move.rollback", to_look_at(ctx, migration).told, (WaitUntil, Skip)):
        return _taken_back(ctx, migration)


def _taken_back(ctx: StepContext, migration: Migration) -> dict[str, Any]:
    if not Passage.objects.filter(migration=migration, new=State.INITIAL_SYNC).exists():
        raise Skip("Nothing was captured or copied: the source has served the tenant all the time.")
    is_back = placement_of(migration.tenant_id).owner == migration.source
    if is_back and not migration.is_switched:
        return {"epoch": _undone(ctx, migration)}
    with a_person_decides(ctx, migration):
        if without_green := given_up(ctx, migration):
            return without_green
        back = replace(engine_move(ctx, migration).reversed(), without=without(ctx, migration))
        if not switch.recover(back, Control(ctx, migration)):
            _bring_back(ctx, back)
    done = _switched(ctx, migration, back, Direction.BACK)
    keep_without(ctx, migration, done.epoch)
    lost = "the rows are all there" if back.without else "nothing is lost"
    ctx.log(f"{migration.source} owns the tenant again; writers waited {done.pause_ms:.0f} ms, {lost}.")
    return {"epoch": done.epoch, "pause_ms": round(done.pause_ms, 1), "keys_inside": done.keys_inside}


def _bring_back(ctx: StepContext, back: Move) -> None:
    """Rounds until one fits the pause, and no step further while blue does not hold what one brought.

    By one worker while its slice lasts: giving it back would cost a way back that is short more than all of its rounds.
    """
    began = time.monotonic()
    while not fits(_brought_back(ctx, back)):
        if time.monotonic() - began > SLICE_SECONDS:
            raise again(0, "Bringing back what was written on green.")


def _brought_back(ctx: StepContext, back: Move) -> Round:
    done, wrong = proven(back)
    shown(ctx, done, Direction.BACK)
    if wrong:
        ctx.log(f"The sides differ: {wrong}", "error")
        raise Differ(
            f"{back.target.name} does not hold what was brought there: {', '.join(wrong)}. It is brought again."
        )
    return done


def _undone(ctx: StepContext, migration: Migration) -> int:
    """Only blue is asked: green has nothing that blue has not, and may be dead."""
    there, control = to_look_at(ctx, migration), Control(ctx, migration)
    acknowledge_in(there.source, there)
    if open_window(migration) is not None:
        return switch.abort(there, control)
    return switch.undo(there, control)


def close_rollback(ctx: StepContext) -> dict[str, Any]:
    """Say that it is over. Green stays, closed, until somebody releases it; one that is silent is closed later."""
    migration = _of_rollback(ctx)
    there = engine_move(ctx, migration) if migration.is_switched else to_look_at(ctx, migration)
    is_shut = migration.is_switched or _is_shut(ctx, migration, there)
    capture.disarm(there)
    with ctx.fenced():
        migration = locked(migration.pk)
        reason = migration.state_reason or ctx.job.reason
        end_operation(migration.tenant_id, "migrating", actor=ctx.actor, reason=str(migration))
        move(migration, "roll_back", actor=ctx.actor, reason=reason)
        keep_record(migration, "rolled_back", actor=ctx.actor, epoch=ctx.epoch)
        bulk.begin_to_end(migration, actor=ctx.actor)
        if not is_shut:
            closing.begin(migration, actor=ctx.actor)
    return {"state": migration.state}


def _is_shut(ctx: StepContext, migration: Migration, there: Move) -> bool:
    acknowledge_in(there.source, there)
    try:
        closing.shut(there, placement_of(migration.tenant_id).epoch)
    except Transient as silent:
        ctx.log(f"{migration.target} does not answer and is closed as soon as it does: {silent}", "warning")
        return False
    return True


def _of_rollback(ctx: StepContext) -> Migration:
    migration = Migration.objects.select_related("tenant").get(pk=ctx.params["migration_id"])
    if migration.state in (State.INITIATED, State.BLUE_DECOMMISSIONED, *ENDED):
        raise Skip("There is nothing to take back.")
    return migration


def _switched(ctx: StepContext, migration: Migration, there: Move, direction: Direction) -> switch.Switched:
    """One attempt. What would take too long changed nothing, is counted and shown, and is tried again later."""
    budget = settings.MIGRATION["budget_ms"]
    common: dict[str, Any] = {"migration": migration, "direction": direction, "budget_ms": budget}
    try:
        is_shut = direction == Direction.FORWARD and open_window(migration) is not None
        patience = IN_WINDOW_MS if is_shut else budget  # who was told of a window is not waiting
        done = switch.switch(there, Control(ctx, migration), patience, is_shut=is_shut)
    except switch.OverBudget as over:
        with ctx.fenced():
            Attempt.objects.create(**common, outcome="over_budget", words=str(over)[:500])
            lift_now(migration, "The switch did not fit into its budget.", actor=ctx.actor)
            tried = Attempt.objects.filter(migration=migration, direction=direction, outcome="over_budget").count()
        if tried % settings.MIGRATION["attempts"] == 0:
            raise Permanent(f"After {tried} attempts no switch fits into {budget} ms. {over}") from over
        raise again(min(60, 2**tried), f"The switch would take longer than {budget} ms; tried again.") from over
    except Overtaken:
        raise
    except StoreError as error:
        with ctx.fenced():
            Attempt.objects.create(**common, outcome="aborted", words=str(error)[:500])
            lift_now(migration, "The switch was given up.", actor=ctx.actor)
        raise
    with ctx.fenced():
        if not Attempt.objects.filter(migration=migration, direction=direction, outcome="switched").exists():
            words = "" if done.pause_ms else "Committed before its worker died; the pause was not measured."
            epoch = (switched_at(migration) if direction == Direction.FORWARD else None) or done.epoch
            found = {"pause_ms": done.pause_ms, "keys_inside": done.keys_inside, "epoch": epoch}
            Attempt.objects.create(**common, outcome="switched", words=words, **found)
    return done
