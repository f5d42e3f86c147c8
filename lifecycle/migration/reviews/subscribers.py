"""A roll-back opens its review, and the people who fill it in are told."""

from typing import Any
from uuid import UUID

from lifecycle.migration.models import State
from portal.access.models import Role, User
from portal.notify.actions import notify
from portal.notify.models import Severity
from portal.notify.subscribers import page

from .actions import SYSTEM, open_review


def changed(payload: dict[str, Any]) -> None:
    """A move ended where it came from."""
    if payload["state"] == State.ROLLED_BACK:
        open_review(UUID(payload["migration_id"]), actor=SYSTEM)


def opened(payload: dict[str, Any]) -> None:
    """Ask for cause, measures and a day; until then the move is not tried again."""
    notify(
        "migration_review.opened",
        title=f"{payload['name']}: {payload['move']} was taken back and is under review",
        users=list(User.objects.filter(pk__in=payload["users"])),
        role=Role.PLATFORM_ENGINEER,
        severity=Severity.WARNING,
        body=payload["reason"],
        url=page("migration-reviews", payload["review_id"]),
        tenant_id=payload["tenant_id"],
        details=[("Tenant", payload["name"]), ("Move", payload["move"])],
        key=f"migration_review.opened:{payload['review_id']}",
    )
