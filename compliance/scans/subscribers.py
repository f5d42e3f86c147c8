"""Who hears of a search: who can settle what it found, and who can sign for it."""

from typing import Any

from portal.access.models import Role
from portal.notify.actions import notify
from portal.notify.models import Severity
from portal.notify.subscribers import page

from .models import Scan

HEAR = (Role.COMPLIANCE_OFFICER, Role.PLATFORM_ADMIN)


def ended(payload: dict[str, Any]) -> None:
    row, count = Scan.objects.get(pk=payload["scan_id"]), payload["unlisted"]
    words = f"{count} stores or services that nobody listed" if count else "nothing that is not listed"
    _tell(row, "scan.ended", f"found {words}; an owner signs by {row.due_on}", "", Severity.WARNING)


def overdue(payload: dict[str, Any]) -> None:
    row = Scan.objects.get(pk=payload["scan_id"])
    _tell(row, "scan.overdue", "is overdue: nobody has signed for it", payload["on"], Severity.CRITICAL)


def _tell(row: Scan, event: str, words: str, at: str, severity: Severity) -> None:
    for role in HEAR:
        notify(
            event,
            title=f"The search of all accounts of {row.quarter} {words}",
            role=role,
            severity=severity,
            url=page("account-scans", row.pk),
            key=f"{event}:{row.pk}:{at}:{role}",
        )
