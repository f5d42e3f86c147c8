"""Looks after the slots of moves: what they retain is shown, what nobody reads is read, and none outlives its move."""

from uuid import UUID

import structlog
from django.conf import settings
from django.template.defaultfilters import filesizeformat

from lifecycle.stores.errors import StoreError
from lifecycle.stores.postgres import streams
from portal.audit.context import acting
from portal.jobs.models import ResourceLease
from portal.jobs.outbox import emit
from portal.lib.regions import Region

from .control import move_at
from .engine import native
from .engine.move import RESOURCE_CLASS, acknowledge_in
from .models import Capture, Migration
from .planning import regions
from .schedule import WATCHDOG, Watch, is_worked_on

log = structlog.get_logger(__name__)


def tick() -> None:
    """Look at every slot of ours in every region. Safe to repeat; a region that is silent is looked at again."""
    retained: dict[UUID, int] = {}
    for region in regions().values():
        try:
            found = [(_move_of(slot.name), slot) for slot in streams.slots(region)]
        except StoreError as error:
            log.info("migration.slots", region=region.name, error=str(error))
            continue
        for migration, slot in found:
            if migration is None:
                continue  # another portal's, or nobody's: not ours to remove
            retained[migration.pk] = retained.get(migration.pk, 0) + (slot.retained or 0)
            try:
                _look(migration, region, slot)
            except StoreError as error:
                log.warning("migration.slots", slot=slot.name, error=str(error))
    _show(retained)


def _move_of(name: str) -> Migration | None:
    try:
        pk = UUID(hex=name.removeprefix(native.PREFIX)[:32])
    except ValueError:
        return None
    return Migration.objects.select_related("tenant").filter(pk=pk).first()


def _look(migration: Migration, region: Region, slot: streams.Slot) -> None:
    """Take away what no fence names, read what nobody reads, and call somebody where it is not enough."""
    limit = settings.MIGRATION["retained_bytes"]
    if not native.is_named(region, migration.tenant_id, slot.name):
        _sweep(migration, region)
    elif slot.retained is None or slot.status == "lost":
        _tell(migration, "lost")  # whoever works on the move meets it, and says what that means
    elif slot.retained > limit // 4 and not is_worked_on(migration):
        native.collect(region, migration.tenant_id)
    if (slot.retained or 0) > limit:
        _tell(migration, filesizeformat(1 << ((slot.retained or 1).bit_length() - 1)))


def _sweep(migration: Migration, region: Region) -> None:
    """Nothing captures by it, and nobody is about to: who takes the lease from here on has a later epoch."""
    watch = Watch(migration)
    if ResourceLease.objects.filter(tenant_id=migration.tenant_id, resource_class=RESOURCE_CLASS).exists():
        return
    found = move_at(migration, watch.epoch, regions()[migration.source], regions()[migration.target])
    acknowledge_in(region, found)
    native.drop(found, region)
    log.info("migration.slot_swept", migration_id=str(migration.pk), region=region.name)


def _tell(migration: Migration, size: str) -> None:
    """Once, when it is lost, and with each doubling."""
    about = {"migration_id": str(migration.pk), "tenant_id": str(migration.tenant_id), "name": migration.tenant.name}
    with acting(WATCHDOG):
        emit("migration.log_retained", {**about, "business_unit": migration.tenant.business_unit_id, "size": size})


def _show(retained: dict[UUID, int]) -> None:
    """What is retained for each move, on its page and among the metrics."""
    for pk, size in retained.items():
        Migration.objects.filter(pk=pk).update(log_retained=size)
    Migration.objects.filter(capture=Capture.NATIVE).exclude(pk__in=retained).exclude(log_retained=None).update(
        log_retained=None
    )
