"""By the clock: a review that is due is asked for, once a day named; custodians who are silent hear again, weekly."""

from datetime import timedelta
from uuid import UUID

from django.db.models import F, Q

from portal.audit.actions import record
from portal.audit.context import action_of
from portal.lib.clock import now

from .actions import SYSTEM, _locked, _tell
from .models import STANDING, Hold

AGAIN = timedelta(days=7)


def tick() -> None:
    """Nothing ends here: a date only makes somebody look."""
    due = Q(review_on__lte=now().date()) & (Q(reviewed_on=None) | Q(reviewed_on__lt=F("review_on")))
    for hold_id in Hold.objects.filter(due, state__in=STANDING).values_list("pk", flat=True):
        ask_review(hold_id)
    silent = Q(custodians__acknowledged_at=None) & _quiet_since(now() - AGAIN)
    for hold_id in Hold.objects.filter(silent, state__in=STANDING).values_list("pk", flat=True).distinct():
        remind_silent(hold_id)


def _quiet_since(at: object) -> Q:
    return Q(custodians__reminded_at__lt=at) | Q(custodians__reminded_at=None, custodians__notified_at__lt=at)


@action_of(SYSTEM)
def ask_review(hold_id: UUID) -> None:
    """Have a hold looked at, on the day somebody named for that."""
    hold = _locked(hold_id)
    hold.reviewed_on = hold.review_on
    hold.save()
    record("hold.review_due", hold, actor=SYSTEM)
    _tell(hold, "review")


@action_of(SYSTEM)
def remind_silent(hold_id: UUID) -> None:
    """Remind the custodians who have not acknowledged for a week."""
    hold = _locked(hold_id)
    for entry in hold.custodians.filter(acknowledged_at=None):
        entry.reminded_at = now()
        entry.save()
    record("hold.reminded", hold, actor=SYSTEM)
    _tell(hold, "reminded")
