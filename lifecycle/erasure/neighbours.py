"""Other tenants of the same stores, counted and hashed before and after: the erasure was not to touch them.

Counted is what was there before it began, again as soon as the last of it has gone. A neighbour that removes old
documents of its own in between looks touched: then there is no certificate, and the erasure is looked at again. One of
which something is erased by this portal meanwhile is no witness, where it has changed.
"""

from datetime import datetime
from itertools import islice
from typing import Any
from uuid import UUID

from compliance.erasing.queries import erased_since
from compliance.verifiers.neighbours import snapshot as look
from tenants.models import Status, Tenant

from .subject import regions

MANY = 3


def taken(tenant_id: UUID, at: datetime) -> list[dict[str, Any]]:
    """The three that were here longest, in the regions of the erasure."""
    others = Tenant.objects.filter(status=Status.ACTIVE).exclude(pk__in=[tenant_id, *erased_since(at)])
    others = others.order_by("activated_at")
    within = (one for one in others if one.region in regions())
    return [_seen(one.pk, one.region, at) for one in islice(within, MANY)]


def compared(before: dict[str, Any]) -> list[dict[str, Any]]:
    """Each of them as it was and as it is, of what was there then."""
    at = datetime.fromisoformat(before["at"])
    found = []
    for one in before["tenants"]:
        now_there = _seen(UUID(one["tenant"]), one["region"], at)
        if now_there["digest"] != one["digest"] and UUID(one["tenant"]) in erased_since(at):
            continue
        found.append({**one, "after": now_there["digest"], "left": now_there["count"]})
    return found


def _seen(tenant_id: UUID, region: str, at: datetime) -> dict[str, Any]:
    count, digest = look(regions()[region], tenant_id, at)
    return {"tenant": str(tenant_id), "region": region, "count": count, "digest": digest}
