"""Where a tenant is served: its region and routing epoch, which change together, once, or not at all."""

from dataclasses import dataclass
from functools import partial
from uuid import UUID

from django.db import connection, transaction

from portal.access.actor import Actor
from portal.audit.actions import record
from portal.audit.context import action
from portal.jobs.outbox import emit
from portal.lib.clock import now
from portal.lib.errors import Absent, Conflict
from tenants.models import Tenant
from tenants.registry.publish import publish

from .models import EpochCounter

NEXT = """
INSERT INTO placement_epochcounter AS c (tenant_id, value)
SELECT id, routing_epoch + 1 FROM tenants_tenant WHERE id = %s
ON CONFLICT (tenant_id) DO UPDATE SET value = greatest(c.value + 1, EXCLUDED.value) RETURNING value
"""


@dataclass(frozen=True)
class Placement:
    """Who owns a tenant's writes: the region named `owner`, at `epoch`."""

    owner: str
    epoch: int


def placement_of(tenant_id: UUID) -> Placement:
    """Where the tenant is placed, as committed now."""
    found = Tenant.objects.filter(pk=tenant_id).values_list("region", "routing_epoch").first()
    if found is None:
        raise Absent("There is no such tenant.")
    return Placement(*found)


def fresh_epoch(tenant_id: UUID) -> int:
    """An epoch above all that were ever in force or given out; committed before it is returned.

    So never inside another transaction: what that one takes back could be given out a second time.
    """
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        cursor.execute(NEXT, [tenant_id])
        found = cursor.fetchone()
    if found is None:
        raise Absent("There is no such tenant.")
    return int(found[0])


@action
def place(
    tenant_id: UUID,
    owner: str,
    epoch: int,
    expected: Placement,
    *,
    actor: Actor,
    reason: str,
    vector_provider: str = "",
) -> bool:
    """Let `owner` serve the tenant at `epoch`, if it still stands as expected. False changes nothing."""
    tenant = Tenant.objects.select_for_update(no_key=True).filter(pk=tenant_id).first()
    if tenant is None or Placement(tenant.region, tenant.routing_epoch) != expected or epoch <= expected.epoch:
        return False
    if not EpochCounter.objects.filter(pk=tenant_id, value__gte=epoch).exists():
        raise Conflict("This routing epoch was never given out.", code="epoch-unknown")
    tenant.region, tenant.routing_epoch = owner, epoch
    tenant.vector_provider = vector_provider or tenant.vector_provider
    _save(tenant)
    moved = {"from": expected.owner, "to": owner, "epoch": epoch}
    record("tenant.placed", tenant, actor=actor, reason=reason, data=moved)
    emit("tenant.changed", {"tenant_id": str(tenant.pk), "status": tenant.status})
    transaction.on_commit(partial(publish, [tenant.pk]), robust=True)  # the outbox does it again
    return True


@action
def begin_operation(tenant_id: UUID, operation: str, *, actor: Actor, reason: str) -> Tenant:
    """Say that a long operation works on the tenant beside its status; one at a time."""
    tenant = Tenant.objects.select_for_update(no_key=True).get(pk=tenant_id)
    if tenant.operation not in ("", operation):
        raise Conflict(f"The tenant is in the middle of another operation ({tenant.operation}).", code="busy")
    return _operation(tenant, operation, actor, reason)


@action
def end_operation(tenant_id: UUID, operation: str, *, actor: Actor, reason: str) -> Tenant:
    """Say that it is over. Ending what does not run changes nothing."""
    tenant = Tenant.objects.select_for_update(no_key=True).get(pk=tenant_id)
    return _operation(tenant, "", actor, reason) if tenant.operation == operation else tenant


def _operation(tenant: Tenant, operation: str, actor: Actor, reason: str) -> Tenant:
    if tenant.operation == operation:
        return tenant
    before, tenant.operation = tenant.operation, operation
    _save(tenant)
    record("tenant.operation", tenant, actor=actor, reason=reason, data={"from": before, "to": operation})
    emit("tenant.changed", {"tenant_id": str(tenant.pk), "status": tenant.status})
    return tenant


def _save(tenant: Tenant) -> None:
    tenant.config_version += 1
    tenant.updated_at = now()
    tenant.save()
