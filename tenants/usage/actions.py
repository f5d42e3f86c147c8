"""Counting usage: each delta once, into an open month, for tenants that the reporter's grant reaches."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from bailiwick_proof.canonical import digest
from django.db import connection
from django.db.models import Max

from portal.access import policy
from portal.access.actor import Actor
from portal.access.queries import scope_filter
from portal.audit.actions import record
from portal.audit.context import action
from portal.lib.clock import now
from portal.lib.errors import Blocked, Conflict, Invalid
from tenants.models import Tenant

from .models import Delta, Month

MOST = 1_000
OLDEST = timedelta(days=400)
# Whoever counts holds the month open, beside one another; who closes it waits for them.
HOLD = "SELECT month FROM usage_month WHERE month = ANY(%s) AND closed_at IS NULL FOR SHARE"


@dataclass(frozen=True)
class Report:
    """One delta as it is reported."""

    tenant_id: UUID
    metric: str
    amount: Decimal
    day: date
    key: str
    source: str
    reason: str = ""


@action
def count(reports: Sequence[Report], *, actor: Actor) -> dict[str, int]:
    """Count each report once; returns how many were new and how many were known. All or none.

    A key that is known with other content is a Conflict. What was used in a month that is closed is charged in the
    first open one.
    """
    policy.require(actor, "usage.report")
    _check(reports, actor)
    known = _known(reports)
    new = [one for one in reports if one.key not in known]
    months = _open_months({one.day.replace(day=1) for one in new})
    rows = [
        Delta(**asdict(one), month_id=months[one.day.replace(day=1)], recorded_by=actor.id, recorded_at=now())
        for one in new
    ]
    Delta.objects.bulk_create(rows, ignore_conflicts=True)
    known |= _known(new)  # somebody else may have been counting the same: their content must be ours
    if rows:
        said = [[one.key, str(one.tenant_id), one.metric, f"{one.amount:f}", one.day.isoformat()] for one in new]
        data = {"deltas": len(rows), "sha256": digest(said)}
        record("usage.counted", Month(pk=max(months.values())), actor=actor, data=data)
    return {"counted": len(new), "known": len(reports) - len(new)}


@action
def close_month(month: date, *, actor: Actor, reason: str) -> Month:
    """Count nothing more into a month that is over; returns at once if it is closed already."""
    if month != month.replace(day=1) or next_month(month) > now().date():
        raise Invalid(fields={"month": "the first day of a month that is over"})
    open_before = Month.objects.filter(month__lt=month, closed_at=None).order_by("month").first()
    if open_before is not None:
        raise Blocked(f"{open_before} is still open; months are closed in order.", by="month", code="month-open")
    ensure_months({month, next_month(month)})
    row = Month.objects.select_for_update(no_key=True).get(pk=month)
    if row.closed_at is None:
        row.closed_at, row.closed_by = now(), actor.id
        row.save()
        record("month.closed", row, actor=actor, reason=reason)
    return row


def next_month(month: date) -> date:
    return (month.replace(day=1) + timedelta(days=32)).replace(day=1)


def ensure_months(months: Iterable[date]) -> None:
    Month.objects.bulk_create([Month(pk=one) for one in sorted(months)], ignore_conflicts=True)


def _check(reports: Sequence[Report], actor: Actor) -> None:
    """Refuse a batch with the first faults of each kind named by position."""
    today, faults = now().date(), {}
    twice = {key for key, times in Counter(one.key for one in reports).items() if times > 1}
    reach = scope_filter(actor, policy.VERBS["usage.report"], tenant="id", business_unit="business_unit_id")
    theirs = set(Tenant.objects.filter(reach, pk__in={one.tenant_id for one in reports}).values_list("pk", flat=True))
    for at, one in enumerate(reports):
        if one.tenant_id not in theirs:
            faults[f"deltas.{at}.tenant_id"] = "there is no such tenant"
        if one.key in twice:
            faults[f"deltas.{at}.key"] = "twice in this batch"
        if not today - OLDEST <= one.day <= today + timedelta(days=1):
            faults[f"deltas.{at}.day"] = f"not after tomorrow (UTC) and at most {OLDEST.days} days ago"
        if one.amount == 0:
            faults[f"deltas.{at}.amount"] = "not nought"
        if one.amount < 0 and not one.reason.strip():
            faults[f"deltas.{at}.reason"] = "a correction says why"
    if faults:
        raise Invalid(fields=dict(list(faults.items())[:20]))


def _known(reports: Sequence[Report]) -> set[str]:
    """The keys that are counted already; raises Conflict where one stands for something else."""
    found = {row.key: row for row in Delta.objects.filter(key__in=[one.key for one in reports])}
    for at, one in enumerate(reports):
        if one.key in found and not _is_same(found[one.key], one):
            raise Conflict(
                f"deltas.{at}.key: {one.key} was counted with other content; a correction is a delta of its own.",
                code="usage-key-reused",
            )
    return set(found)


def _is_same(row: Delta, report: Report) -> bool:
    given: dict[str, Any] = asdict(report)
    return all(getattr(row, name) == value for name, value in given.items())


def _open_months(days: set[date]) -> dict[date, date]:
    """The month each is charged in: itself, or the first open one after the last that is closed. Created, locked."""
    if not days:
        return {}
    last = Month.objects.exclude(closed_at=None).aggregate(last=Max("month"))["last"]
    first = next_month(last) if last else min(days)
    charged = {one: max(one, first) for one in days}
    ensure_months(charged.values())
    with connection.cursor() as cursor:
        cursor.execute(HOLD, [list(charged.values())])
        if {row[0] for row in cursor.fetchall()} != set(charged.values()):  # the next try finds the next month
            raise Conflict("A month was being closed; report again.", code="month-closing")
    return charged
