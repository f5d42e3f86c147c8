"""News of a tenant's health, told to its owner and champion."""

from typing import Any

from portal.access.models import User
from portal.notify.actions import notify
from portal.notify.models import Severity
from portal.notify.subscribers import page

from .score import DEGRADED
from .words import NAMES


def fell(payload: dict[str, Any]) -> None:
    """It was measured below 80 twice, the second time by what had happened since the first."""
    severity = Severity.WARNING if payload["score"] >= DEGRADED else Severity.CRITICAL
    _tell("health.fell", f"{payload['name']} is not well: {payload['score']} of 100", payload, severity)


def recovered(payload: dict[str, Any]) -> None:
    """It is at 80 or more again."""
    _tell("health.recovered", f"{payload['name']} is well again: {payload['score']} of 100", payload, Severity.INFO)


def _tell(event: str, title: str, payload: dict[str, Any], severity: Severity) -> None:
    parts = [
        (str(NAMES[name]), "not known" if points is None else f"{points:.0f} of 100")
        for name, points in payload["points"].items()
    ]
    notify(
        event,
        title=title,
        users=list(User.objects.filter(pk__in=payload["users"])),
        severity=severity,
        url=page("tenants", payload["tenant_id"]),
        tenant_id=payload["tenant_id"],
        details=[("Tenant", payload["name"]), *parts],
        key=f"{event}:{payload['tenant_id']}:{payload['at']}",
    )
