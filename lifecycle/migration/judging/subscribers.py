"""News of the gates, told at once and in two ways."""

from typing import Any

from portal.access.models import Role, User
from portal.notify.actions import notify
from portal.notify.models import Severity
from portal.notify.subscribers import page


def failed(payload: dict[str, Any]) -> None:
    """Green failed its gates; its tenant is being taken back."""
    notify(
        "migration.gates_failed",
        title=f"{payload['name']} is being taken back: its new region failed the health gates",
        users=list(User.objects.filter(pk__in=payload["users"])),
        role=Role.PLATFORM_ENGINEER,
        where={"tenant": payload["tenant_id"], "business_unit": payload["business_unit"]},
        severity=Severity.CRITICAL,
        body=payload["reason"],
        url=page("migrations", payload["migration_id"]),
        tenant_id=payload["tenant_id"],
        details=[("Tenant", payload["name"])],
        key=f"migration.gates_failed:{payload['migration_id']}",
    )
