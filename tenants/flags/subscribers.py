"""News of flags, told to the people it concerns: their owners, and those who run the platform."""

from typing import Any

from django.conf import settings

from portal.access.models import Role, User
from portal.notify.actions import notify
from portal.notify.models import Severity


def ended(payload: dict[str, Any]) -> None:
    """Tell the owner and the administrators that a flag has outlived its end. What it gives has not changed."""
    notify(
        "flag.ended",
        title=f"A flag has ended: {payload['title']}",
        users=_owner(payload),
        role=Role.PLATFORM_ADMIN,
        severity=Severity.WARNING,
        body="It goes on giving what it gives. Move it to the tier configuration, or archive it once nothing reads it.",
        url=_page(payload),
        details=[("Flag", payload["flag"]), ("Its last day", payload["on"])],
        key=f"flag.ended:{payload['flag']}:{payload['on']}",
    )


def switched(payload: dict[str, Any]) -> None:
    """Tell the owner and those who run the platform that a flag was switched for everybody."""
    lost = [("What tenants lose", payload["consequence"])] if payload["consequence"] else []
    for role in (Role.PLATFORM_ENGINEER, Role.PLATFORM_ADMIN):
        notify(
            "flag.switched",
            title=f"Switched {payload['word']} for everybody: {payload['title']}",
            users=_owner(payload),
            role=role,
            severity=Severity.WARNING,
            body=payload["reason"],
            url=_page(payload),
            details=[("Flag", payload["flag"]), *(lost if payload["word"] == "off" else [])],
            key=f"flag.switched:{payload['flag']}:{payload['at']}",
        )


def _owner(payload: dict[str, Any]) -> list[User]:
    return list(User.objects.filter(pk=payload["owner"]))


def _page(payload: dict[str, Any]) -> str:
    return f"{settings.PUBLIC_URL}/flags/{payload['flag']}/"
