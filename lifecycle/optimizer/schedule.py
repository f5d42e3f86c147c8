"""By the clock: a scan a day, and exceptions that end."""

from datetime import timedelta

from portal.audit.context import acting
from portal.lib.clock import now
from portal.lib.errors import Conflict

from . import actions, configured
from .models import FindingException, Outcome, Scan

DAILY = timedelta(hours=24)


def tick() -> None:
    """Scan once a day where an account is connected; open what an exception no longer covers."""
    end_exceptions()
    if configured.regions() and not Scan.objects.filter(at__gt=now() - DAILY).exclude(outcome=Outcome.FAILED).exists():
        try:
            actions.start_scan(actor=actions.SYSTEM, reason="once a day")
        except Conflict:
            return  # somebody has just started one


def end_exceptions() -> None:
    """From its day on an exception covers nothing."""
    due = FindingException.objects.filter(ended_at=None, expires_on__lte=now().date())
    for exception in due.select_related("finding"):
        with acting(actions.SYSTEM, "on its day"):
            finding = actions.locked(exception.finding_id)
            actions.reopen(finding, exception, actor=actions.SYSTEM, reason="Its day has come.")
