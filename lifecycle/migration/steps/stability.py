"""After the switch: blue follows green, so that the way back stays open, until the tenant is stable and blue may go."""

from datetime import timedelta
from typing import Any

from django.conf import settings

from lifecycle.migration.judging.actions import look
from lifecycle.migration.models import Direction, Migration, State
from lifecycle.migration.moving import locked, move
from lifecycle.migration.recording import keep_record
from portal.audit.context import acting
from portal.guards import check_guards
from portal.jobs.context import StepContext
from portal.lib.clock import now
from portal.lib.errors import Blocked
from tenants.placement.actions import end_operation

from . import capture
from .common import a_person_decides, again, engine_move, measure, migration_of, to_look_at
from .sync import one_round


def watch(ctx: StepContext) -> dict[str, Any]:
    """One look: what would be lost if green died now, a round that makes it nothing, and whether green is healthy."""
    migration = migration_of(ctx)
    ends = _ends(ctx, migration)
    with a_person_decides(ctx, migration):
        exposure = capture.waiting(to_look_at(ctx, migration).reversed())  # green's own count, also without blue
        measure(ctx, exposure=exposure)
        back = engine_move(ctx, migration).reversed()
        one_round(ctx, back, Direction.BACK)
        measure(ctx, exposure=capture.waiting(back))
    look(ctx, migration)
    if now() < ends:
        raise again(settings.MIGRATION["tick_seconds"], f"Stable until {ends:%d %b %H:%M} UTC")
    return {"exposure": exposure}


def _ends(ctx: StepContext, migration: Migration) -> Any:
    if migration.stable_at is None:
        migration.stable_at = (migration.switched_at or now()) + timedelta(seconds=migration.stability_seconds)
        with ctx.fenced():
            Migration.objects.filter(pk=migration.pk).update(stable_at=migration.stable_at)
    return migration.stable_at


def decommission(ctx: StepContext) -> dict[str, Any]:
    """Let blue go, which only the erasure with its evidence may do; until then blue follows: the way back is open."""
    migration = migration_of(ctx)
    try:
        with acting(ctx.actor):
            check_guards("migration.decommission", migration)
    except Blocked as blocked:
        one_round(ctx, engine_move(ctx, migration).reversed(), Direction.BACK)
        raise again(settings.MIGRATION["tick_seconds"], f"Blue stays. {blocked.detail}") from blocked
    capture.disarm(engine_move(ctx, migration).reversed())
    with ctx.fenced():
        migration = locked(migration.pk)
        if migration.state == State.TRAFFIC_CUTOVER_COMPLETE:
            move(migration, "decommission", actor=ctx.actor)
        end_operation(migration.tenant_id, "migrating", actor=ctx.actor, reason=str(migration))
        move(migration, "complete", actor=ctx.actor)
        keep_record(ctx, migration, "completed")
    return {"state": migration.state}
