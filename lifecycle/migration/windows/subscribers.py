"""Tells the tenant's people when its service stops and begins again, and what they are asked for."""

from datetime import datetime
from typing import Any

from portal.access.models import User
from portal.notify.actions import notify
from portal.notify.models import Severity
from portal.notify.subscribers import local, page


def opened(payload: dict[str, Any]) -> None:
    """The window began: until its end at the latest the tenant is without service."""
    until = datetime.fromisoformat(payload["until"])
    _tell("window_opened", payload, f"{payload['name']} is in maintenance until {local(until)} at the latest")


def closed(payload: dict[str, Any]) -> None:
    """It ended, whoever serves the tenant now."""
    _tell("window_closed", payload, f"{payload['name']} is in service again")


def throttle_asked(payload: dict[str, Any]) -> None:
    """The tenant decides; nothing is slowed until then."""
    title = f"{payload['name']} is asked to write at most {payload['writes_per_second']} times a second"
    _tell("throttle_asked", payload, f"{title} for {payload['minutes']} minutes", payload["throttle_id"])


def _tell(word: str, payload: dict[str, Any], title: str, key: str = "") -> None:
    notify(
        f"migration.{word}",
        title=title,
        users=list(User.objects.filter(pk__in=payload["users"])),
        severity=Severity.WARNING,
        body=payload["reason"],
        url=page("migrations", payload["migration_id"]),
        tenant_id=payload["tenant_id"],
        details=[("Tenant", payload["name"])],
        key=f"migration.{word}:{key or payload['migration_id']}",
    )
