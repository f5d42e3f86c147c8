"""Reads of synthetic erasures: what the calendar owes, and since when one is overdue."""

from datetime import date, datetime, timedelta

from django.conf import settings
from django.db.models import OuterRef, Subquery

from portal.lib.clock import now
from tenants.models import Status, Tenant

from .models import Sandbox, State, SyntheticErasure

KIND = "erasure.synthetic"  # the job that runs one


def month_of(day: date) -> str:
    return f"{day.year}-{day.month:02d}"


def in_force() -> list[Sandbox]:
    """The sandboxes there are, with their tenants."""
    return list(Sandbox.objects.filter(ended_at=None).select_related("tenant").order_by("region"))


def is_due(sandbox: Sandbox) -> bool:
    """Whether this month has none yet."""
    return not SyntheticErasure.objects.filter(sandbox=sandbox, month=month_of(now().date())).exists()


def last_passed() -> Subquery:
    """When the last one passed, as a column of Sandbox."""
    rows = SyntheticErasure.objects.filter(sandbox=OuterRef("pk"), state=State.PASSED).order_by("-ended_at")
    return Subquery(rows.values("ended_at")[:1])


def passed_at(sandbox: Sandbox) -> datetime | None:
    """When the last one passed."""
    rows = SyntheticErasure.objects.filter(sandbox=sandbox, state=State.PASSED)
    return rows.order_by("-ended_at").values_list("ended_at", flat=True).first()


def is_overdue(sandbox: Sandbox) -> bool:
    """Whether none has passed for longer than is tolerated: since the last, or since there is a sandbox."""
    tolerated = timedelta(days=settings.SYNTHETIC["overdue_days"])
    return now() - (passed_at(sandbox) or sandbox.designated_at) > tolerated


def untried() -> list[str]:
    """The regions that have had tenants for longer than is tolerated, and no sandbox in which erasures are tried."""
    since = now() - timedelta(days=settings.SYNTHETIC["overdue_days"])
    served = Tenant.objects.exclude(status=Status.DELETED).filter(created_at__lt=since).values_list("region", flat=True)
    return sorted({*served} - {one.region for one in in_force()})


def running_of(request_id: str) -> SyntheticErasure | None:
    """The run to which this erasure belongs, while it is under way."""
    return SyntheticErasure.objects.filter(request_id=request_id, state=State.RUNNING).first()
