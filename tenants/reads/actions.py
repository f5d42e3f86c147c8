"""Sets and ends a tenant's read split; both are told to every enforcement point at once."""

from functools import partial
from typing import Any
from uuid import UUID

from django.db import transaction

from portal.access.actor import Actor
from portal.audit.actions import record
from portal.audit.context import action
from portal.jobs.outbox import emit
from portal.lib.clock import now
from portal.lib.errors import Conflict
from tenants.models import Tenant
from tenants.registry.publish import publish

from .models import ReadSplit


@action
def set_split(
    tenant_id: UUID, move: UUID, region: str, percent: int, mirror: float, *, actor: Actor, reason: str
) -> ReadSplit:
    """Have so many hundredths of a moving tenant's callers read in `region`, as long as its epoch stays as it is."""
    tenant = Tenant.objects.select_for_update(no_key=True).get(pk=tenant_id)
    if tenant.operation != "migrating" or tenant.region == region:
        raise Conflict("Only a tenant that moves is read in another region.", code="wrong-state")
    wanted: dict[str, Any] = {
        "move": move, "epoch": tenant.routing_epoch, "region": region, "percent": percent, "mirror": mirror,
    }  # fmt: skip
    known = ReadSplit.objects.filter(pk=tenant_id).first()
    if known is not None and all(getattr(known, name) == value for name, value in wanted.items()):
        return known
    return _save(tenant, ReadSplit(tenant=tenant, **wanted), actor, reason)


@action
def end_split(tenant_id: UUID, *, actor: Actor, reason: str) -> None:
    """Have the tenant read by its owner alone. Where it is already so, nothing changes."""
    tenant = Tenant.objects.select_for_update(no_key=True).get(pk=tenant_id)
    known = ReadSplit.objects.filter(pk=tenant_id).first()
    if known is not None and known.is_on:
        known.percent, known.mirror = 0, 0.0
        _save(tenant, known, actor, reason)


def _save(tenant: Tenant, split: ReadSplit, actor: Actor, reason: str) -> ReadSplit:
    split.changed_at = now()
    split.save()
    data = {"region": split.region, "percent": split.percent, "epoch": split.epoch}
    record("tenant.read_split", tenant, actor=actor, reason=reason, data=data)
    emit("tenant.changed", {"tenant_id": str(tenant.pk), "status": tenant.status})
    transaction.on_commit(partial(publish, [tenant.pk]), robust=True)  # the outbox does it again
    return split
