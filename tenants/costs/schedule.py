"""The round of the month: statements so far, who went over, and closing what is over and has had time to settle."""

from datetime import date, timedelta

from portal.access.actor import Actor
from portal.audit.context import action_of
from portal.lib.clock import now
from tenants.usage.actions import close_month, ensure_months, next_month
from tenants.usage.models import Month

from . import actions, rises, statements
from .models import CentreMonth, State, Statement

ACTOR = Actor.system("costs")
GRACE = timedelta(days=3)  # for platforms to tell what they counted on the last day


def tick() -> None:
    """Make again what is open, close what is due, freeze what is closed, tell of what is over budget."""
    today = now().date()
    _every_month_until(today)
    for month in list(Month.objects.filter(closed_at=None).order_by("month")):
        statements.refresh(month.pk)  # before it is closed, so that nobody's statement is missing then
        if next_month(month.pk) + GRACE <= today:
            close_month(month.pk, actor=ACTOR, reason="the month is over")
    half_closed = Statement.objects.filter(state=State.OPEN, month__closed_at__isnull=False)
    for key in set(half_closed.values_list("month_id", flat=True)):
        statements.freeze(key, actor=ACTOR)
    for key in Month.objects.filter(closed_at=None).order_by("month").values_list("month", flat=True):
        rises.tell(key, actor=ACTOR)
    for centre in CentreMonth.objects.filter(is_over=True, is_escalated=False):
        actions.escalate(centre, actor=ACTOR)


@action_of(ACTOR)
def _every_month_until(today: date) -> None:
    """No month is left out when the portal was away for one."""
    last = Month.objects.order_by("-month").values_list("month", flat=True).first()
    this = today.replace(day=1)
    months = [this]
    while last and (last := next_month(last)) < this:
        months.append(last)
    ensure_months(months)
