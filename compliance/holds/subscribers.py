"""What follows from a hold's own news, and who hears of it. Words are neutral: notices leave for chat as well."""

from typing import Any
from uuid import UUID

from portal.access.models import Role
from portal.notify.actions import notify
from portal.notify.models import Severity
from portal.notify.subscribers import page

from . import actions
from .models import Hold
from .queries import stands

LEGAL_HEARS = {
    "placed": (Severity.INFO, "is being placed"),
    "release_asked": (Severity.WARNING, "may be released: another person confirms that"),
    "released": (Severity.WARNING, "is released"),
    "review": (Severity.WARNING, "is due for review; it stays in force until it is released"),
}
CUSTODIANS_HEAR = {"placed", "reminded"}


def release_sealed(payload: dict[str, Any]) -> None:
    """The confirmation lies in the ledger: look at everything again, and release."""
    actions.effect_of(UUID(payload["hold_id"]))


def changed(payload: dict[str, Any]) -> None:
    """Tell legal where a hold stands, and custodians what they have to keep."""
    hold = Hold.objects.select_related("tenant").get(pk=payload["hold_id"])
    word, about = payload["word"], {"url": page("holds", hold.pk), "tenant_id": str(hold.tenant_id)}
    key = f"hold.{word}:{hold.pk}:{payload['at']}"
    if word in LEGAL_HEARS:
        severity, says = LEGAL_HEARS[word]
        title, details = f"Legal hold {hold} {says}", actions.details_of(hold)
        notify("hold.changed", title=title, role=Role.LEGAL, severity=severity, details=details, key=key, **about)
    if word in CUSTODIANS_HEAR:
        people = actions.people_of(hold)
        title = f"Legal hold {hold}: keep what you have of {hold.tenant.name}, and acknowledge this"
        body = "Nothing of it may be deleted or changed, wherever it lies, until you are told otherwise."
        notify(
            "hold.custodian", title=title, users=people, severity=Severity.WARNING, body=body, key=f"{key}:c", **about
        )


def not_effective(payload: dict[str, Any]) -> None:
    """Something expires by itself although a hold stands, or does not expire again after it: somebody has to look."""
    held = stands(UUID(payload["tenant_id"])).is_held
    title = (
        f"A legal hold is not effective in {payload['where']}: what expires there by itself may still go"
        if held
        else f"After a legal hold {payload['where']} has not gone back to what it did before"
    )
    notify(
        "hold.blocked",
        title=title,
        role=Role.PLATFORM_ADMIN,
        severity=Severity.CRITICAL,
        tenant_id=payload["tenant_id"],
        details=[("Where", payload["where"]), ("Why", payload["why"])],
        key=f"hold.not_effective:{payload['job_id']}:{payload['where']}",
    )


def unreached(payload: dict[str, Any]) -> None:
    """A store has not answered: the portal keeps everything meanwhile, and somebody has to look."""
    title = f"A legal hold has not reached {payload['region']}: nothing of the tenant is removed meanwhile"
    notify(
        "hold.blocked",
        title=title,
        role=Role.PLATFORM_ADMIN,
        severity=Severity.CRITICAL,
        tenant_id=payload["tenant_id"],
        details=[("Region", payload["region"]), ("Why", payload["why"])],
        key=f"hold.unreached:{payload['job_id']}:{payload['region']}",
    )
