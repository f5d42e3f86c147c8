"""How long entries are kept, as data: which months fall due when, and the verb that would retire one."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Max

from portal.access import policy
from portal.access.actor import Actor
from portal.guards import check_guards
from portal.lib.clock import now
from portal.lib.errors import Absent, Conflict

from .actions import record
from .context import action
from .evidence import fetch
from .models import Governed

USUAL = timedelta(days=2557)


@dataclass(frozen=True)
class Month:
    """One partition of the ledger; it falls due when its youngest entry is past the longest retention in it."""

    name: str
    until: datetime | None
    due_at: datetime | None
    entries: int

    @property
    def is_due(self) -> bool:
        return self.due_at is not None and self.due_at <= now()

    @property
    def pk(self) -> str:
        return self.name

    class _meta:
        label_lower = "audit.partition"


def months() -> list[Month]:
    """Every partition in order of time; the one for entries out of every month has no end and is never due."""
    longest = Governed.objects.aggregate(longest=Max("retention"))["longest"] or USUAL
    rows = fetch("SELECT name, until, entries FROM audit.partition ORDER BY until NULLS LAST", [])
    return [Month(name, until, until + longest if until else None, max(0, entries)) for name, until, entries in rows]


@action
def retire(name: str, *, actor: Actor, reason: str) -> Any:
    """Ask for a month's entries to leave; their leaf hashes stay for ever. Blocked without a guard for legal holds."""
    policy.require(actor, "ledger.retire")
    month = next((one for one in months() if one.name == name), None)
    if month is None:
        raise Absent("There is no such month in the ledger.")
    check_guards("ledger.retire", month)
    if not month.is_due:
        raise Conflict("This month's retention has not passed.", code="not-due")
    return record("ledger.retire", month, actor=actor, reason=reason)  # type: ignore[arg-type]
