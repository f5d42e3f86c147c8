"""Shuts a green that did not answer when its move was taken back: a job of its own, which no other move waits for."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from lifecycle.migration.control import move_at
from lifecycle.migration.engine import switch
from lifecycle.migration.engine.move import RESOURCE_CLASS, Move, Overtaken, acknowledge_in
from lifecycle.migration.models import Migration
from lifecycle.migration.schedule import Watch
from lifecycle.provisioning.subject import region_named
from lifecycle.stores.errors import Transient
from portal.access.actor import Actor
from portal.audit.actions import record
from portal.jobs import actions as jobs
from portal.jobs.context import StepContext
from portal.jobs.errors import Skip, WaitUntil
from portal.jobs.models import ResourceLease
from portal.lib.clock import now
from tenants.placement.actions import placement_of

KIND = "migration.close_green"
AGAIN = timedelta(seconds=30)


def begin(migration: Migration, *, actor: Actor) -> None:
    """Inside the transaction that ends the way back."""
    title, params = f"Close {migration.target}, which did not answer", {"migration_id": str(migration.pk)}
    jobs.start_job(KIND, actor=actor, subject=migration, title=title, params=params)


def shut(there: Move, epoch: int) -> None:
    """Whoever had the target before commits nothing there any more, and nobody writes in it."""
    acknowledge_in(there.target, there)
    switch.close(there, there.target, epoch)


def close_green(ctx: StepContext) -> dict[str, Any]:
    """Wait until green answers, and shut it. While another job moves the tenant, that one closes what it meets."""
    migration = Migration.objects.select_related("tenant").get(pk=UUID(ctx.params["migration_id"]))
    watch = Watch(migration)  # before the question: who takes the lease behind it has a later epoch
    if ResourceLease.objects.filter(tenant_id=migration.tenant_id, resource_class=RESOURCE_CLASS).exists():
        raise WaitUntil(now() + AGAIN, "Another job moves the tenant.")
    stands = placement_of(migration.tenant_id)
    if stands.owner == migration.target:
        raise Skip("A later move has made it the tenant's home.")
    sides = region_named(migration.source), region_named(migration.target)
    try:
        shut(move_at(migration, watch.epoch, *sides), stands.epoch)
    except (Transient, Overtaken) as silent:
        raise WaitUntil(now() + AGAIN, f"{migration.target} does not answer") from silent
    with ctx.fenced():
        record("migration.green_closed", migration, actor=ctx.actor, data={"region": migration.target})
    return {"epoch": stands.epoch}
