"""Once an hour: each sandbox is tried once a month. Where none has passed for too long, or where there is no sandbox,
that is said every week.
"""

from datetime import timedelta
from uuid import UUID

import structlog
from django.db import DatabaseError

from portal.audit.context import action_of
from portal.jobs.outbox import emit
from portal.lib.clock import now
from portal.lib.errors import Refusal

from .actions import SYSTEM, begin
from .models import Sandbox
from .queries import in_force, is_due, is_overdue, untried

log = structlog.get_logger(__name__)
AGAIN = timedelta(days=7)


def tick() -> None:
    """Safe to repeat."""
    for one in in_force():
        if is_due(one):
            try:
                begin(one.pk, actor=SYSTEM, reason="A new month.")
            except (Refusal, DatabaseError) as error:
                log.warning("synthetic.held_up", sandbox_id=str(one.pk), why=str(error))
        if is_overdue(one):
            alarm(one.pk)
    for region in untried():
        say_untried(region)


@action_of(SYSTEM)
def alarm(sandbox_id: UUID) -> None:
    """Say that none has passed in time, once a week."""
    row, today = Sandbox.objects.select_for_update().get(pk=sandbox_id), now().date()
    if row.alarmed_on is not None and row.alarmed_on > today - AGAIN:
        return
    row.alarmed_on = today
    row.save(update_fields=["alarmed_on"])
    emit("synthetic.overdue", {"sandbox_id": str(row.pk), "on": today.isoformat()})


@action_of(SYSTEM)
def say_untried(region: str) -> None:
    """Say that nothing is tried there; whoever was told this week is not told again."""
    emit("synthetic.untried", {"region": region, "week": now().strftime("%G-W%V")})
