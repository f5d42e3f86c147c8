"""A suspension ends in the archive, an archive in erasure, on the tier's days; people are told before.

The plan is events of the outbox with a date. Each looks, when it is due, whether the tenant still stands where it did:
then the tier's days are asked again, so a grace can grow. One that was promised is never cut short.
"""

import math
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from portal.access.actor import Actor
from portal.jobs.outbox import emit
from portal.lib.clock import now
from portal.lib.errors import Blocked
from tenants import actions as registry
from tenants.models import Status, Tenant
from tenants.queries import ends_at, last_move, tenant_by_id

RETENTION = Actor.system("retention")
DAYS_BEFORE = (7, 1, 0)
AGAIN = timedelta(days=7)
VERBS = {Status.SUSPENDED: "archive", Status.ARCHIVED: "start_erasing"}
REASONS = {
    Status.SUSPENDED: "Suspended for as long as its tier allows.",
    Status.ARCHIVED: "Archived for as long as its tier keeps it.",
}


def plan(tenant: Tenant, version: int) -> None:
    """Note each reminder and the end itself, as far as they still lie ahead."""
    end = ends_at(tenant)
    if end is None:
        return
    for days in DAYS_BEFORE:
        at = end - timedelta(days=days)
        if at > now() or not days:
            emit("tenant.end_due", _payload(tenant, version, days), due_at=at)


def end_due(payload: dict[str, Any]) -> None:
    """Remind, or do what is due, if the tenant still stands where it stood when this was planned."""
    tenant, stands = tenant_by_id(UUID(payload["tenant_id"])), last_move(UUID(payload["tenant_id"]))
    end = ends_at(tenant) if tenant else None
    if tenant is None or end is None or stands is None or stands.version != payload["version"]:
        return
    at = end - timedelta(days=payload["days"])
    if now() < at:
        emit("tenant.end_due", payload, due_at=at)
    elif payload["days"]:
        _remind(tenant, end)
    else:
        _end(tenant, payload)


def look_again(tenant_id: UUID) -> None:
    """Do what is due already and was forbidden, if the tenant still stands there."""
    tenant, stands = tenant_by_id(tenant_id), last_move(tenant_id)
    end = ends_at(tenant) if tenant else None
    if tenant is not None and stands is not None and end is not None and end <= now():
        emit("tenant.end_due", _payload(tenant, stands.version, 0))


def _remind(tenant: Tenant, end: datetime) -> None:
    """Say how long it still is, which is less than planned where the dispatcher was away."""
    days = math.ceil((end - now()) / timedelta(days=1))
    if days > 0:
        emit("tenant.ending", _news(tenant, end=end.isoformat(), days=days))


def _end(tenant: Tenant, payload: dict[str, Any]) -> None:
    """Archive it or hand it to erasure; while something forbids that, say so every week."""
    try:
        registry.move(tenant.pk, VERBS[Status(tenant.status)], actor=RETENTION, reason=REASONS[Status(tenant.status)])
    except Blocked as refusal:
        emit("tenant.end_blocked", _news(tenant, why=refusal.detail, at=now().isoformat()))
        emit("tenant.end_due", payload, due_at=now() + AGAIN)


def _payload(tenant: Tenant, version: int, days: int) -> dict[str, Any]:
    return {"tenant_id": str(tenant.pk), "version": version, "days": days}


def _news(tenant: Tenant, **more: Any) -> dict[str, Any]:
    people = sorted({str(tenant.owner_id), str(tenant.champion_id)})
    return {"tenant_id": str(tenant.pk), "name": tenant.name, "status": tenant.status, "users": people, **more}
