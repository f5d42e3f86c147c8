"""The switch within its budget, and its mirror: the way back."""

from typing import Any

from django.conf import settings

from lifecycle.migration.control import Control
from lifecycle.migration.engine import switch
from lifecycle.migration.engine.move import Move
from lifecycle.migration.models import Attempt, Direction, Migration, Passage, State
from lifecycle.migration.moving import locked, move
from lifecycle.migration.recording import keep_record
from lifecycle.migration.windows.queries import open_window
from portal.jobs.context import StepContext
from portal.jobs.errors import Permanent, Skip
from tenants.placement.actions import end_operation, placement_of

from . import capture
from .common import a_person_decides, advance, again, engine_move
from .sync import fits, one_round

IN_WINDOW_MS = 10_000


def cut_over(ctx: StepContext) -> dict[str, Any]:
    """Let green own the tenant's writes: clients wait for the length of one round, and lose nothing."""
    migration = advance(ctx, "begin_cutover", State.INCREMENTAL_SYNC)
    done = _switched(ctx, migration, engine_move(ctx, migration), Direction.FORWARD)
    with ctx.fenced():
        if done.pause_ms:
            Migration.objects.filter(pk=migration.pk).update(pause_ms=done.pause_ms)
        keep_record(ctx, locked(migration.pk), "switched")
    ctx.log(f"{migration.target} owns the tenant at epoch {done.epoch}; writers waited {done.pause_ms:.0f} ms.")
    return {"epoch": done.epoch, "pause_ms": round(done.pause_ms, 1), "keys_inside": done.keys_inside}


def take_back(ctx: StepContext) -> dict[str, Any]:
    """Make the source the owner: an abort before the switch, the same switch mirrored after it."""
    migration = _of_rollback(ctx)
    if not Passage.objects.filter(migration=migration, new=State.INITIAL_SYNC).exists():
        raise Skip("Nothing was captured or copied: the source has served the tenant all the time.")
    is_back = placement_of(migration.tenant_id).owner == migration.source
    if is_back and not migration.is_switched:
        return {"epoch": switch.abort(engine_move(ctx, migration), Control(ctx, migration))}
    with a_person_decides(ctx, migration):
        back = engine_move(ctx, migration).reversed()
        is_back = switch.recover(back, Control(ctx, migration))
        found = None if is_back else one_round(ctx, back, Direction.BACK)
    if found and not fits(found):
        raise again(0, "Bringing back what was written on green.")
    done = _switched(ctx, migration, back, Direction.BACK)
    ctx.log(f"{migration.source} owns the tenant again; writers waited {done.pause_ms:.0f} ms, nothing is lost.")
    return {"epoch": done.epoch, "pause_ms": round(done.pause_ms, 1), "keys_inside": done.keys_inside}


def close_rollback(ctx: StepContext) -> dict[str, Any]:
    """Say that it is over. Green stays, closed, until somebody releases it."""
    migration = _of_rollback(ctx)
    capture.disarm(engine_move(ctx, migration))
    with ctx.fenced():
        migration = locked(migration.pk)
        reason = migration.state_reason or ctx.job.reason
        end_operation(migration.tenant_id, "migrating", actor=ctx.actor, reason=str(migration))
        move(migration, "roll_back", actor=ctx.actor, reason=reason)
        keep_record(ctx, migration, "rolled_back")
    return {"state": migration.state}


def _of_rollback(ctx: StepContext) -> Migration:
    migration = Migration.objects.select_related("tenant").get(pk=ctx.params["migration_id"])
    if migration.state in (State.INITIATED, State.ROLLED_BACK):
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
            tried = Attempt.objects.filter(migration=migration, direction=direction, outcome="over_budget").count()
        if tried % settings.MIGRATION["attempts"] == 0:
            raise Permanent(f"After {tried} attempts no switch fits into {budget} ms. {over}") from over
        raise again(min(60, 2**tried), f"The switch would take longer than {budget} ms; tried again.") from over
    with ctx.fenced():
        known = Attempt.objects.filter(migration=migration, epoch=done.epoch)
        if not known.exists():
            words = "" if done.pause_ms else "Committed before its worker died; the pause was not measured."
            found = {"pause_ms": done.pause_ms, "keys_inside": done.keys_inside, "epoch": done.epoch}
            Attempt.objects.create(**common, outcome="switched", words=words, **found)
    return done
