"""What the registry hears, and publishes."""

from typing import Any
from uuid import UUID

from portal.admin.listing import batched
from portal.jobs.outbox import emit
from tenants.models import Tenant

from . import publish

AT_ONCE = 250


def tenant_changed(payload: dict[str, Any]) -> None:
    publish.publish([UUID(payload["tenant_id"])])


def tenants_changed(payload: dict[str, Any]) -> None:
    """Of many tenants each batch is a delivery of its own: a transaction ends after five seconds."""
    ids = payload["tenant_ids"]
    if ids is not None and len(ids) <= AT_ONCE:
        publish.publish([UUID(one) for one in ids])
        return
    every = ids if ids is not None else (str(pk) for pk in Tenant.objects.values_list("pk", flat=True))
    for batch in batched(iter(every), AT_ONCE):
        emit("registry.stale", {"tenant_ids": batch})


def tier_changed(payload: dict[str, Any]) -> None:
    ids = Tenant.objects.filter(tier=payload["tier"]).values_list("pk", flat=True)
    tenants_changed({"tenant_ids": [str(pk) for pk in ids]})
