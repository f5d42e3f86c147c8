"""Write through: what changed is computed from committed rows, numbered, and told to Redis if it is newer.

A status change is told at once by who committed it, again by the outbox in case that process died, and once more by
the schedule in case Redis was away.
"""

import json
from collections.abc import Iterable, Sequence
from uuid import UUID

import structlog
from django.db import connection, transaction
from redis import RedisError

from portal.lib import standby
from portal.lib.clock import now
from tenants.models import Tenant

from . import stream
from .contents import Standing, Told, configurations, standing, standings
from .models import Published

log = structlog.get_logger(__name__)
LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('registry.publish', 0))"
DRAW = "SELECT nextval('registry_version') FROM generate_series(1, %s)"


def publish(tenant_ids: Sequence[UUID]) -> None:
    """Publish configuration and standing of these tenants. What Redis does not take now, `schedule.repair` brings."""
    with transaction.atomic():
        changed = number(list(tenant_ids))
        present = standings(tenant_ids)
        transaction.on_commit(lambda: _tell_all(changed, present))


def _tell_all(changed: Iterable[Published], present: Sequence[Standing]) -> None:
    try:
        stream.put("configuration", [(str(one.tenant_id), one.version, stream.line(told(one))) for one in changed])
        tell(present)
    except RedisError as error:
        log.warning("registry.not_told", tenants=len(present), error=type(error).__name__)


def tell(present: Iterable[Standing]) -> None:
    """Tell how tenants stand; a tenant without a status change has nothing to tell. Raises RedisError."""
    entries = [(one.tenant_id, one.version, stream.line(one.told())) for one in present if one.version]
    stream.put("standing", entries)


def at_once(tenant: Tenant, version: int) -> None:
    """When this transaction has committed, tell how its status change left the tenant. The outbox does it again."""
    present = standing(
        tenant.pk, tenant.business_unit_id, tenant.status, tenant.is_restricted, tenant.status_reason, version
    )
    transaction.on_commit(lambda: _tell_quietly(present))


def last_told(tenant_id: UUID) -> Told:
    """A tenant's configuration as it was last published; empty where it never was."""
    row = Published.objects.filter(pk=tenant_id).first()
    return told(row) if row else {}


def told(row: Published) -> Told:
    """A tenant's configuration as enforcement points hear it."""
    return {**json.loads(row.body), "config_version": row.version}


def _tell_quietly(present: Standing) -> None:
    try:
        tell([present])
    except RedisError as error:
        log.warning("registry.not_told_at_once", tenant_id=present.tenant_id, error=type(error).__name__)


def number(tenant_ids: Sequence[UUID]) -> list[Published]:
    """Write what differs from what is published, under one lock, and return it."""
    standby.require()  # a number that was told is not drawn again by who takes over
    with connection.cursor() as cursor:
        cursor.execute(LOCK)
        tenants = list(Tenant.objects.select_related("tier").filter(pk__in=tenant_ids))
        known = dict(Published.objects.filter(pk__in=tenant_ids).values_list("pk", "body"))
        new = {pk: body for pk, body in configurations(tenants).items() if known.get(pk) != body}
        cursor.execute(DRAW, [len(new)])
        versions = [row[0] for row in cursor.fetchall()]
    rows = [
        Published(tenant_id=pk, version=version, body=body, at=now())
        for (pk, body), version in zip(new.items(), versions, strict=True)
    ]
    fields = ["version", "body", "at"]
    return Published.objects.bulk_create(rows, update_conflicts=True, unique_fields=["tenant"], update_fields=fields)
