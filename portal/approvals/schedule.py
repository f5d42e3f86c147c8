"""The clock of approvals: called every half minute by the scheduler."""

from datetime import timedelta

import structlog

from portal.lib.clock import now
from portal.lib.errors import Blocked

from . import actions
from .models import Case, Requirement

log = structlog.get_logger(__name__)
STUCK = timedelta(minutes=1)


def tick() -> None:
    """Expire what ran out, escalate what is overdue, look again at who can sign, and at effects held back."""
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
    for case_id in Case.objects.filter(state=Case.State.SIGNED, signed_at__lte=at - STUCK).values_list("pk", flat=True):
        _effect(case_id)


def _effect(case_id: object) -> None:
    try:
        actions.effect_of(case_id)
    except Blocked as held:
        log.info("approval.effect_held_back", case_id=str(case_id), by=held.by)
