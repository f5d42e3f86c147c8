"""Once an hour: a quarter without a search gets one, and what nobody has signed for in time is said every week."""

from datetime import timedelta
from uuid import UUID

from portal.access.actor import Actor
from portal.audit.context import action_of
from portal.jobs.outbox import emit
from portal.lib.clock import now

from .actions import begin, quarter_of
from .models import Scan, State

SYSTEM = Actor.system("scans")
AGAIN = timedelta(days=7)


def tick() -> None:
    """Safe to repeat."""
    today = now().date()
    if not Scan.objects.filter(quarter=quarter_of(today)).exists():
        begin(actor=SYSTEM, reason="A new quarter.")
    for pk in Scan.objects.exclude(state=State.SIGNED).filter(due_on__lt=today).values_list("pk", flat=True):
        alarm(pk)


@action_of(SYSTEM)
def alarm(scan_id: UUID) -> None:
    """Say that a search is overdue, once a week."""
    row, today = Scan.objects.select_for_update().get(pk=scan_id), now().date()
    if row.alarmed_on is not None and row.alarmed_on > today - AGAIN:
        return
    row.alarmed_on = today
    row.save(update_fields=["alarmed_on"])
    emit("scan.overdue", {"scan_id": str(row.pk), "on": today.isoformat()})
