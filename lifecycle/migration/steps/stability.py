"""After the switch: blue follows green, so that the way back stays open, until the tenant is stable and blue may go."""

from datetime import timedelta
from typing import Any

from django.conf import settings

from compliance.residency import evaluate
from lifecycle.migration.comparing.comparing import compared, given_up
from lifecycle.migration.engine.move import Move
from lifecycle.migration.judging.actions import look
from lifecycle.migration.models import Migration, State
from lifecycle.migration.moving import locked
from lifecycle.retiring.actions import retire
from lifecycle.stores.errors import StoreError
from portal.audit.context import acting
from portal.guards import check_guards
from portal.jobs.context import StepContext
from portal.jobs.errors import Transient
from portal.lib.clock import now
from portal.lib.errors import Blocked
from tenants.placement.actions import end_operation, placement_of
from tenants.registry.publish import last_told

from . import capture, doors
from .common import a_person_decides, advance, again, beating, engine_move, measure, migration_of, to_look_at
from .following import require_alike, round_back
from .sync import look_anew, objects_verified, vectors_verified


def watch(ctx: StepContext) -> dict[str, Any]:
    """One look: whether green is healthy, what would be lost if it died now, and a round that makes it nothing.

    Green is judged first: it is also while blue is silent.
    """
    migration = migration_of(ctx)
    ends = _ends(ctx, migration)
    look(ctx, migration)
    with a_person_decides(ctx, migration):
        exposure = _counted(ctx, to_look_at(ctx, migration).reversed())  # green's own count, also without blue
        back = engine_move(ctx, migration).reversed()
        round_back(ctx, migration, back)
        _counted(ctx, back)
    if now() < ends:
        raise again(settings.MIGRATION["tick_seconds"], f"Stable until {ends:%d %b %H:%M} UTC")
    return {"exposure": exposure}


def _counted(ctx: StepContext, back: Move) -> int:
    """What green has and blue has not, as of a moment before the count."""
    at = now()
    exposure = capture.waiting(back)
    measure(ctx, exposure=exposure, measured_at=at)
    return exposure


def _ends(ctx: StepContext, migration: Migration) -> Any:
    if migration.stable_at is None:
        migration.stable_at = (migration.switched_at or now()) + timedelta(seconds=migration.stability_seconds)
        with ctx.fenced():
            Migration.objects.filter(pk=migration.pk).update(stable_at=migration.stable_at)
    return migration.stable_at


def decommission(ctx: StepContext) -> dict[str, Any]:
    """Let blue go: a last look at both sides, the end of the way back, and blue is left to retention and erasure.

    Found equal, shut and no longer written, blue is the last verified copy until its retention ends.

    Until then blue follows. From the moment the move says `blue_decommissioned` nobody takes it back, and only then
    does capture end: a roll-back never meets a green whose changes nobody noted. What led to blue goes before it.
    """
    migration = migration_of(ctx)
    back = engine_move(ctx, migration).reversed()
    follows = migration.state == State.TRAFFIC_CUTOVER_COMPLETE
    if follows:
        look(ctx, migration)
    try:
        with acting(ctx.actor):
            _still_allowed(migration)
            if follows:
                check_guards("migration.decommission", migration)
    except Blocked as blocked:
        if follows:
            given_up(ctx, "Blue stays.")
            look_anew(ctx)
            round_back(ctx, migration, back)
        raise again(settings.MIGRATION["tick_seconds"], f"Blue stays. {blocked.detail}") from blocked
    if follows:
        ctx.note(last_look=_last_look(ctx, migration, back))
        advance(ctx, "decommission", State.TRAFFIC_CUTOVER_COMPLETE)
    try:
        doors.removed(ctx, migration)
    except StoreError as error:
        raise again(settings.MIGRATION["tick_seconds"], f"Blue stays until nothing leads to it: {error}") from error
    capture.disarm(back)
    with ctx.fenced():
        migration = locked(migration.pk)
        end_operation(migration.tenant_id, "migrating", actor=ctx.actor, reason=str(migration))
        retire(
            migration.tenant_id,
            migration.source,
            occasion="decommission",
            subject=migration.pk,
            retained_until=now() + timedelta(hours=settings.MIGRATION["retention_hours"]),
            actor=ctx.actor,
            reason=str(migration),
        )
    return dict(ctx.step.evidence)


def _still_allowed(migration: Migration) -> None:
    """The registry says, and has told the platforms, that green owns it; and the rules of today let it lie there."""
    tenant, stands, told = migration.tenant, placement_of(migration.tenant_id), last_told(migration.tenant_id)
    if stands.owner != migration.target:
        raise Blocked(f"The registry does not place the tenant in {migration.target}.", by="registry")
    if (told.get("region"), told.get("routing_epoch")) != (stands.owner, stands.epoch):
        raise Blocked(f"The registry has not published that the tenant is in {migration.target}.", by="registry")
    placement = evaluate(
        region=migration.target,
        geography=tenant.geography,
        data_classes=tenant.data_classes,
        profiles=tenant.compliance_profiles,
        vector_provider=tenant.vector_provider,
    )
    if against := [one for one in placement.findings if one.outcome != "pass"]:
        raise Blocked("; ".join(f"{one.rule_id}: {one.title}" for one in against), by="residency")


def _last_look(ctx: StepContext, migration: Migration, back: Move) -> dict[str, Any]:
    """Both sides once more at one snapshot: what is let go is found whole on the other side."""
    stored, beside = objects_verified(ctx, back), vectors_verified(ctx, back)
    found = compared(ctx, back, beating(ctx)).seen
    require_alike(ctx, migration, found.mismatches)
    if not found.ok:
        raise Transient("Blue and green differ, and no key does: both are looked at again.")
    outside = {"objects": stored.keys, **({"vectors": beside.keys} if beside else {})}
    return {"rows": found.rows, "root": found.root_source, **outside, "at": now().isoformat()}
