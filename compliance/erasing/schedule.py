"""By the clock: days that are near or past are said once each, and what no hold keeps any more goes on."""

from datetime import date, timedelta
from uuid import UUID

from django.db.models import F, Q

from portal.audit.actions import record
from portal.audit.context import action_of
from portal.jobs.outbox import emit
from portal.lib.clock import now

from .approval import SYSTEM
from .models import ENDED, ErasureRequest, Obligation, Owed, ProofKey, RetentionRule, State
from .moving import locked, news_of
from .queries import days_left
from .running import cleared_up, hold_over, is_released

ALARMS = (7, 3, 1)
CLEARING = timedelta(hours=24)
AHEAD = timedelta(days=8)  # a day more than the first alarm: zones differ


def tick() -> None:
    """Each alarm comes once; a date changes no state but that of an obligation, which becomes overdue."""
    today = now().date()
    for pk in ErasureRequest.objects.open().filter(due_on__lte=today + AHEAD).values_list("pk", flat=True):
        warn(pk)
    owed = Obligation.objects.exclude(state=Owed.LAPSED).filter(due_on__lte=today + AHEAD)
    for obligation_id, request_id in owed.values_list("pk", "request_id"):
        remind(obligation_id, request_id, today)
    due = Q(review_on__lte=today) & (Q(reviewed_on=None) | Q(reviewed_on__lt=F("review_on")))
    for code in RetentionRule.objects.filter(due, is_active=True).values_list("pk", flat=True):
        ask_review(code)
    lost = ErasureRequest.objects.filter(state__in=ENDED, key__isnull=False, ended_at__lte=now() - CLEARING)
    for pk in lost.values_list("pk", flat=True):
        cleared_up(pk, actor=SYSTEM)
    for pk in ProofKey.objects.filter(until__lt=today).values_list("pk", flat=True):
        end_proofs(pk)
    for pk, tenant_id in ErasureRequest.objects.filter(state=State.LEGAL_HOLD_BLOCKED).values_list("pk", "tenant_id"):
        if is_released(tenant_id):
            hold_over(pk, actor=SYSTEM)


@action_of(SYSTEM)
def end_proofs(certificate_id: UUID) -> None:
    """Destroy the key of a certificate's manifests on its day."""
    ProofKey.objects.filter(pk=certificate_id).delete()


def alarm_of(days: int) -> int | None:
    """The alarm that so many days call for: 7, 3 or 1 ahead, -1 once the day has passed."""
    if days < 0:
        return -1
    return next((one for one in reversed(ALARMS) if days <= one), None)


@action_of(SYSTEM)
def warn(request_id: UUID) -> None:
    """Say that the statutory clock of a request runs out."""
    found = locked(request_id)
    days = days_left(found)
    alarm = alarm_of(days)
    if alarm is None or (found.alarmed_at_days is not None and found.alarmed_at_days <= alarm):
        return
    found.alarmed_at_days = alarm
    found.save()
    record("erasure.due_near", found, actor=SYSTEM, data={"days": days})
    emit("erasure.due_near", {**news_of(found), "days": days, "due_on": found.due_on.isoformat()})


@action_of(SYSTEM)
def remind(obligation_id: UUID, request_id: UUID, today: date) -> None:
    """Say that an obligation is due, or was: then it is overdue until somebody settles it.

    Of what a law keeps its very day is said as well: from then on its erasure may be asked for.
    """
    locked(request_id)
    found = Obligation.objects.select_for_update(no_key=True).get(pk=obligation_id)
    days = (found.due_on - today).days
    alarm = 0 if found.part and days == 0 else alarm_of(days)
    if alarm is None or (found.alarmed_at_days is not None and found.alarmed_at_days <= alarm):
        return
    found.alarmed_at_days = alarm
    found.state = Owed.OVERDUE if days < 0 else found.state
    found.save()
    emit("erasure.obligation_due", {"obligation_id": str(found.pk), "days": days})


@action_of(SYSTEM)
def ask_review(code: str) -> None:
    """Have a retention rule read again, on the day somebody named for that."""
    rule = RetentionRule.objects.select_for_update(no_key=True).get(pk=code)
    rule.reviewed_on = rule.review_on
    rule.save()
    record("retention_rule.review_due", rule, actor=SYSTEM)
    emit("retention_rule.review_due", {"code": code, "review_on": rule.review_on.isoformat()})
