"""Begin when the regions have room, nothing speaks against it, and the tenant is free."""

from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models import Q

from lifecycle.migration import planning, preflight
from lifecycle.migration.models import MOVING, Migration, State
from lifecycle.migration.moving import locked, move
from portal.jobs.context import StepContext
from portal.jobs.errors import Permanent
from tenants.placement.actions import begin_operation

from .common import again, migration_of


def begin(ctx: StepContext) -> dict[str, Any]:
    """Look once more at what was found when the move was planned, then take one of both regions' places."""
    migration = migration_of(ctx)
    if migration.state != State.INITIATED:
        return {"state": migration.state}
    regions = planning.regions()
    sides = regions.get(migration.source), regions.get(migration.target)
    found, vectors = preflight.look(migration.tenant, *sides, migration.target)
    if refused := preflight.refused(found):
        raise Permanent("The preflight refuses: " + " ".join(f"{one.title}." for one in refused))
    if waits := [one for one in found if one.outcome == "wait"]:
        raise again(60, " ".join(f"{one.title}. {one.remedy}" for one in waits))
    if vectors != migration.vector_provider:
        raise Permanent(f"Vectors would now be held by {vectors}, not {migration.vector_provider}: ask again.")
    with ctx.fenced():
        _take_a_place(migration)
        migration = locked(migration.pk)
        begin_operation(migration.tenant_id, "migrating", actor=ctx.actor, reason=str(migration))
        move(migration, "start", actor=ctx.actor, reason=migration.justification)
    return {"findings": len(found)}


def _take_a_place(migration: Migration) -> None:
    """Wait while a region has as many moves as it may; inside the transaction of the start."""
    most = settings.MIGRATION["moves_per_region"]
    for region in sorted((migration.source, migration.target)):
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"migration.region:{region}"])
        here = Migration.objects.filter(Q(source=region) | Q(target=region), state__in=MOVING)
        if here.exclude(pk=migration.pk).count() >= most:
            raise again(10, f"{region} already has {most} moves under way; this one is next in line.")
