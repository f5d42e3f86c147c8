"""Whoever asked for a portfolio is told when it stops by itself, and when it is done."""

from typing import Any

from portal.access.models import Role, User
from portal.notify.actions import notify
from portal.notify.models import Severity
from portal.notify.subscribers import page

from .models import State


def changed(payload: dict[str, Any]) -> None:
    """It stopped or ended without anybody saying so."""
    is_stopped = payload["state"] == State.STOPPED
    notify(
        "portfolio.changed",
        title=f"{payload['name']}: {'stopped' if is_stopped else 'all of its tenants have moved'}",
        users=list(User.objects.filter(pk__in=payload["users"])),
        role=Role.PLATFORM_ENGINEER if is_stopped else "",
        severity=Severity.WARNING if is_stopped else Severity.INFO,
        body=payload["reason"],
        url=page("portfolios", payload["portfolio_id"]),
        key=f"portfolio.{payload['state']}:{payload['portfolio_id']}:{payload['at']}",
    )
