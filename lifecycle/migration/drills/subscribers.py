"""A drill ends with its roll-back; one that was too slow is told."""

from typing import Any
from uuid import UUID

from lifecycle.migration.models import State
from portal.access.actor import Actor
from portal.access.models import Role, User
from portal.notify.actions import notify
from portal.notify.models import Severity
from portal.notify.subscribers import page

from .actions import conclude
from .models import Outcome

SYSTEM = Actor.system("migration.drills")


def changed(payload: dict[str, Any]) -> None:
    """A move ended where it came from."""
    if payload["state"] == State.ROLLED_BACK:
        conclude(UUID(payload["migration_id"]), actor=SYSTEM)


def concluded(payload: dict[str, Any]) -> None:
    """Say how long it took; louder where that was too long or is not known."""
    is_passed = payload["outcome"] == Outcome.PASSED
    took = "an unknown time" if payload["seconds"] is None else f"{payload['seconds']:.2f} s"
    notify(
        "migration_drill.concluded",
        title=f"{payload['name']}: the drilled way back took {took}",
        users=list(User.objects.filter(pk=payload["asked_by"])),
        role="" if is_passed else Role.PLATFORM_ENGINEER,
        severity=Severity.INFO if is_passed else Severity.WARNING,
        body=f"The bar is {payload['bar_seconds']:g} s.",
        url=page("rollback-drills", payload["drill_id"]),
        tenant_id=payload["tenant_id"],
        details=[("Tenant", payload["name"]), ("Took", took)],
        key=f"migration_drill.concluded:{payload['drill_id']}",
    )
