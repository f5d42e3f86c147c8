"""Begin when the regions have room, nothing speaks against it, and the tenant is free."""

from typing import Any

from lifecycle.migration import places, planning, preflight
from lifecycle.migration.models import State
from lifecycle.migration.moving import locked, move
from lifecycle.migration.portfolios.queries import not_its_turn
from portal.jobs.context import StepContext
from portal.jobs.errors import Permanent
from portal.lib.clock import now
from tenants.placement.actions import begin_operation

from .common import again, migration_of


def begin(ctx: StepContext) -> dict[str, Any]:
    """Look once more at what was found when the move was planned, then take one of both regions' places."""
    migration = migration_of(ctx)
    if migration.state != State.INITIATED:
        return {"state": migration.state}
    regions = planning.regions()
    sides = regions.get(migration.source), regions.get(migration.target)
    found, vectors = preflight.look(migration.tenant, *sides, migration.target, migration.capture)
    if refused := preflight.refused(found):
        raise Permanent("The preflight refuses: " + " ".join(f"{one.title}." for one in refused))
    found += preflight.guards(migration)
    waits = [f"{one.title}. {one.remedy}" for one in found if one.outcome == "wait"]
    if why := " ".join([*waits, not_its_turn(migration)]).strip():
        ctx.note(**{places.SINCE: None})
        raise again(60, why)
    if vectors != migration.vector_provider:
        raise Permanent(f"Vectors would now be held by {vectors}, not {migration.vector_provider}: ask again.")
    since = ctx.step.evidence.get(places.SINCE) or now().isoformat()
    with ctx.fenced():
        places.hold(migration)
        if not (full := places.why_not(migration, since)):
            migration = locked(migration.pk)
            begin_operation(migration.tenant_id, "migrating", actor=ctx.actor, reason=str(migration))
            move(migration, "start", actor=ctx.actor, reason=migration.justification)
    if full:
        ctx.note(**{places.SINCE: since})
        raise again(10, full)
    return {"findings": len(found)}
