"""Who hears of the inventory's news."""

from typing import Any

from portal.access.models import Role
from portal.notify.actions import notify
from portal.notify.models import Severity
from portal.notify.subscribers import page

HEAR = (Role.PLATFORM_ADMIN, Role.COMPLIANCE_OFFICER)


def drifted(payload: dict[str, Any]) -> None:
    """Something exists that nobody listed, or could not be searched: no certificate is issued meanwhile."""
    region, count = payload["region"], payload["count"]
    for role in HEAR:
        notify(
            "inventory.drift",
            title=f"{count} finding{'s' if count != 1 else ''} in {region} that no system lists: nothing is certified",
            role=role,
            severity=Severity.CRITICAL,
            url=page("system-findings", "").rstrip("/") + "/",
            details=[("Region", region), ("Found", ", ".join(payload["what"])[:300])],
            key=f"inventory.drift:{region}:{payload['at']}:{role}",
        )


def statement_ending(payload: dict[str, Any]) -> None:
    """A processor's word ends: without a new one its system is not checked."""
    notify(
        "inventory.statement_ending",
        title=f"The processor's statement about {payload['system']} ends on {payload['until']}",
        role=Role.COMPLIANCE_OFFICER,
        severity=Severity.WARNING,
        url=page("systems", payload["system_id"]),
        key=f"inventory.statement:{payload['system_id']}:{payload['until']}",
    )
