"""By the clock: a green that was given up is shut as soon as it answers, before anything else is done there."""

from uuid import UUID

import structlog

from lifecycle.migration.models import Migration
from lifecycle.migration.planning import regions
from lifecycle.stores.errors import StoreError
from portal.access.actor import Actor
from portal.audit.actions import record
from portal.audit.context import acting
from portal.jobs.outbox import emit
from portal.lib.clock import now

from . import green
from .models import Loss, State

log = structlog.get_logger(__name__)
SYSTEM = Actor.system("migration.losses")


def tick() -> None:
    """Safe to repeat."""
    for loss in Loss.objects.filter(state=State.GIVEN_UP, stores={}).select_related("migration__tenant"):
        migration, region = loss.migration, regions().get(loss.migration.target)
        try:
            if region is not None and loss.epoch is not None:
                _closed(loss.pk, migration, green.close(region, migration.tenant_id, loss.epoch))
                green.forget(region, migration.tenant_id)
        except StoreError as error:
            log.info("migration.green_silent", migration_id=str(migration.pk), error=str(error))


def _closed(loss_id: UUID, migration: Migration, found: int) -> None:
    with acting(SYSTEM):
        loss = Loss.objects.select_for_update().filter(pk=loss_id, state=State.GIVEN_UP).first()
        if loss is None:
            return
        loss.state, loss.closed_at, loss.found = State.CLOSED, now(), found
        loss.save()
        record("migration.green_closed", migration, actor=SYSTEM, data={"found": found, "accepted": loss.writes})
        about = {"migration_id": str(migration.pk), "tenant_id": str(migration.tenant_id)}
        about |= {"name": migration.tenant.name, "business_unit": migration.tenant.business_unit_id}
        emit("migration.green_closed", {**about, "found": str(found), "accepted": loss.count})
