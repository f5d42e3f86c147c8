"""What the control database says and decides of one move: placement, epochs, and the commit point of a switch."""

from contextlib import AbstractContextManager
from functools import partial
from typing import Any, Protocol
from uuid import UUID

from compliance.holds import queries as holds
from lifecycle.naming.queries import names_in
from lifecycle.provisioning.subject import region_named
from lifecycle.stores.postgres import fences
from portal.access.actor import Actor
from portal.audit.context import acting
from portal.jobs.context import StepContext
from portal.lib.regions import Region
from tenants.models import Status, Tenant
from tenants.placement import actions as placements
from tenants.queries import last_move

from .engine.move import Held, Move, Placement
from .models import Migration, State
from .moving import locked, move
from .rehearsing import kill
from .vectors import held_in
from .windows import actions as windows


class Holder(Protocol):
    """Who holds the move: a job's step, or the watchdog."""

    @property
    def actor(self) -> Actor:
        """In whose name it writes."""

    def fenced(self) -> AbstractContextManager[Any]:
        """A transaction that commits only while it still holds the move."""


def move_at(migration: Migration, epoch: int, source: Region, target: Region) -> Move:
    """What the engine is told of a move that is held at `epoch`."""
    bucket, other = (names_in(migration.tenant, side.name).bucket for side in (source, target))
    held = _held(migration, source.name), _held(migration, target.name)
    placed = Placement(migration.tenant.region, migration.tenant.routing_epoch)
    about = (migration.pk, migration.tenant_id, epoch, source, target)
    return Move(*about, bucket=bucket, held=held, other_bucket=other, capture=migration.capture, placed=placed)


def _held(migration: Migration, region: str) -> Held:
    """The plan speaks of the target alone: of blue it says nothing, also once green owns the tenant."""
    planned = migration.vector_provider if region == migration.target else ""
    return held_in(migration.tenant, region, planned)


class Control:
    """The engine's `Control`, over the registry's placement. A write commits only while this holder is the last."""

    def __init__(self, holder: Holder, migration: Migration) -> None:
        self._holder, self._migration = holder, migration

    def placement(self) -> Placement:
        found = placements.placement_of(self._migration.tenant_id)
        return Placement(found.owner, found.epoch)

    def fresh_epoch(self) -> int:
        with self._holder.fenced():
            """Only the last holder draws one. The draw commits by itself, and one that is not used harms nobody."""
        return placements.fresh_epoch(self._migration.tenant_id)

    def place(self, owner: str, epoch: int, expected: Placement) -> bool:
        """The commit point: the placement and the move's own state change together, or neither does."""
        with self._holder.fenced():
            migration = locked(self._migration.pk)
            switches = owner == migration.target != expected.owner
            if switches and migration.state != State.TRAFFIC_CUTOVER_STARTED:
                return False  # paused a moment ago, or given up
            stood = placements.Placement(expected.owner, expected.epoch)
            vectors = "" if owner == expected.owner else _held(migration, owner).provider
            set_to = partial(placements.place, migration.tenant_id, owner, epoch, stood, actor=self._holder.actor)
            if not set_to(reason=str(migration), vector_provider=vectors):
                return False
            if switches:
                epochs = {"before": expected.epoch, "epoch": epoch}
                move(migration, "complete_cutover", actor=self._holder.actor, data=epochs)
            windows.close(migration, f"{owner} serves the tenant at epoch {epoch}.", actor=self._holder.actor)
        if switches and isinstance(self._holder, StepContext):
            kill.passing(self._holder, migration.pk)
        return True

    def admit(self, region: Region) -> None:
        """Bring the tenant's hold, suspension and people's fences into a store that is about to open.

        No erasure of a person begins while the tenant moves, so on the way back blue knows of all of them.
        """
        admit(self._migration.tenant_id, region, actor=self._holder.actor)
        if region.name == self._migration.target:
            fences.bring_subjects(region_named(self._migration.source), region, self._migration.tenant_id)


def admit(tenant_id: UUID, region: Region, *, actor: Actor) -> None:
    """Bring the tenant's hold and suspension into a store that joins; a newer word there stays.

    Under the row lock that placing a hold takes: one that is placed meanwhile finds the store and tells it itself.
    """
    with acting(actor):
        tenant = Tenant.objects.select_for_update(no_key=True).get(pk=tenant_id)
        hold = holds.stands(tenant_id)
        fences.set_hold(region, tenant_id, hold.is_held, hold.version)
        stands = last_move(tenant_id)
        if stands is not None:
            fences.set_suspended(region, tenant_id, tenant.status != Status.ACTIVE, stands.version)
