"""The clock of approvals: called every half minute by the scheduler."""

from portal.lib.clock import now

from . import actions
from .models import Case, Requirement


def tick() -> None:
    """Expire what ran out, escalate what is overdue, and look again at who can sign what is open."""
    at = now()
    cases = Case.objects.filter(state=Case.State.OPEN)
    for case_id in cases.filter(expires_at__lte=at).values_list("pk", flat=True):
        actions.expire(case_id)
    overdue = Requirement.objects.filter(
        state=Requirement.State.OPEN, due_at__lte=at, escalated_at=None, case__state=Case.State.OPEN
    )
    for requirement_id in overdue.values_list("pk", flat=True):
        actions.escalate(requirement_id)
    for case_id in cases.values_list("pk", flat=True):
        actions.reassess(case_id)
