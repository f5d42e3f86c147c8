"""What routers say of a fence that stays shut. A report changes nothing: only the watchdog gives a tenant back."""

from typing import Any
from uuid import UUID

from portal.access import policy
from portal.access.actor import Actor
from portal.audit.actions import record
from portal.audit.context import action
from portal.audit.models import Entry
from portal.jobs.outbox import emit
from tenants.models import Tenant

VERB = "tenant.fence_reported"


@action
def report_fence(tenant_id: UUID, epoch: int, seconds: float, *, actor: Actor) -> dict[str, Any]:
    """Note, once for the epoch in force, that writers have stood before the fence, and have the watchdog look.

    Reports of any other epoch are answered and forgotten, so however many come, one a switch is kept.
    """
    tenant = Tenant.objects.select_for_update(no_key=True).get(pk=tenant_id)
    policy.require(actor, "fence.report", tenant)
    is_noted = epoch == tenant.routing_epoch and not _is_known(tenant, epoch)
    if is_noted:
        record(VERB, tenant, actor=actor, data={"epoch": epoch, "seconds": seconds})
        emit("tenant.fence_reported", {"tenant_id": str(tenant.pk), "epoch": epoch})
    known = {"region": tenant.region, "routing_epoch": tenant.routing_epoch, "operation": tenant.operation}
    return {**known, "noted": is_noted}


def _is_known(tenant: Tenant, epoch: int) -> bool:
    about = {"object_type": "tenants.tenant", "object_id": str(tenant.pk)}
    return Entry.objects.filter(verb=VERB, data__epoch=epoch, **about).exists()
