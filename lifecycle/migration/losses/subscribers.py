"""News of a green that does not answer, told at once to those who decide."""

from typing import Any

from portal.access.models import Role
from portal.notify.actions import notify
from portal.notify.models import Severity
from portal.notify.subscribers import page


def asked(payload: dict[str, Any]) -> None:
    """Somebody has to decide."""
    for role in (Role.CTO, Role.PLATFORM_ADMIN):
        _tell(
            "migration.loss_asked",
            payload,
            role=role,
            title=_title(payload),
            severity=Severity.CRITICAL,
            body=payload["words"],
            key=f"migration.loss_asked:{payload['loss_id']}:{role}",
        )


def green_closed(payload: dict[str, Any]) -> None:
    """What was given up came back, and how much was in it."""
    _tell(
        "migration.green_closed",
        payload,
        role=Role.PLATFORM_ENGINEER,
        title=f"{payload['name']}: the region that was given up came back and was closed",
        severity=Severity.WARNING,
        body=f"It has {payload['found']} writes that blue has not; {payload['accepted']} were accepted to be lost.",
        key=f"migration.green_closed:{payload['migration_id']}",
    )


def _title(payload: dict[str, Any]) -> str:
    if payload.get("silent"):
        return f"{payload['name']} cannot be taken back whole: {payload['silent']} does not answer. A person decides"
    return f"{payload['name']} is out of service: its new region does not answer. A person decides"


def _tell(event: str, payload: dict[str, Any], **more: Any) -> None:
    notify(
        event,
        where={"tenant": payload["tenant_id"], "business_unit": payload["business_unit"]},
        url=page("migrations", payload["migration_id"]),
        tenant_id=payload["tenant_id"],
        details=[("Tenant", payload["name"])],
        **more,
    )
