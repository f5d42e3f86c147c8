"""Open a case, ask and answer about it, withdraw it, void it."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.db import connection, models

from portal.access import policy
from portal.access.actor import Actor
from portal.access.models import User
from portal.audit.actions import record
from portal.audit.context import action
from portal.jobs.text import plain
from portal.lib.clock import now
from portal.lib.errors import Absent, Conflict, Invalid, NotAllowed
from portal.lib.money import PAISA

from .. import demands
from ..authority import Panel, may_answer, may_withdraw
from ..conditions import Matter
from ..models import Case, Question, Requirement
from ..progress import locked, settle, tell

WINDOW = timedelta(days=30)


@action
def open_case(
    *,
    actor: Actor,
    kind: str,
    subject: models.Model,
    title: str,
    amount_inr: Decimal | None,
    aggregation_key: str,
    facts: dict[str, Any],
    digest: str,
    snapshot: dict[str, Any],
    requested_by: User | None = None,
    period: str = Case.Period.YEAR,
) -> Case:
    """Open a case about `subject` with the rules in force copied in; the action that needs it decides who may.

    `amount_inr` is the amount of one `period` (None: not known, which forces a person). Amounts of the same
    `aggregation_key` in the last 30 days are added up before the rules are asked, one request at a time. `requested_by`
    (default: the actor) never signs. With no rule, or nobody to sign, the case opens blocked and says so.
    """
    asker = requested_by or actor.user
    if asker is None:
        raise Invalid(fields={"requested_by": "a case is asked for by a person"})
    _check(amount_inr, digest)
    at = now()
    _one_at_a_time(f"subject:{kind}:{subject._meta.label_lower}:{subject.pk}")
    live = Case.objects.filter(kind=kind, subject_type=subject._meta.label_lower, subject_id=str(subject.pk))
    if live.filter(state__in=Case.LIVE).exists():
        raise Conflict("An approval case for this is open already.", code="case-open")
    counted, others = counted_with(aggregation_key, amount_inr, live, at)
    facts = plain(facts)
    asked = demands.of_rules(kind, Matter(facts, counted), at)
    scope = subject.access_scope() if hasattr(subject, "access_scope") else {}
    case = Case.objects.create(
        kind=kind,
        title=title,
        subject_type=subject._meta.label_lower,
        subject_id=str(subject.pk),
        business_unit=scope.get("business_unit") or "",
        tenant_id=scope.get("tenant"),
        amount_inr=amount_inr,
        period=period,
        aggregation_key=aggregation_key,
        aggregated_inr=counted,
        aggregated_with=others,
        facts=facts,
        snapshot=plain(snapshot),
        digest=digest,
        requested_by=asker,
        opened_at=at,
        expires_at=at + timedelta(hours=asked.expires_after_hours),
    )
    Requirement.objects.bulk_create(Requirement(case=case, **row) for row in asked.rows)
    rules = [f"{row['rule_id']} v{row['rule_version']}" for row in asked.rows]
    record("approval.opened", case, actor=actor, data={"digest": digest, "rules": rules, "counted": counted})
    tell("approval.opened", case)
    settle(Panel(case, at), actor=actor)
    return case


def _check(amount_inr: Decimal | None, digest: str) -> None:
    if amount_inr is not None:
        if not isinstance(amount_inr, Decimal) or not amount_inr.is_finite() or amount_inr < 0:
            raise Invalid(fields={"amount_inr": "a Decimal of rupees, not negative"})
        if amount_inr != amount_inr.quantize(PAISA):
            raise Invalid(fields={"amount_inr": "at most two decimals"})
    if not digest:
        raise Invalid(fields={"digest": "a case binds the digest of what is approved"})


def _one_at_a_time(key: str) -> None:
    """Hold an advisory lock until commit, so that the next one to ask reads what this one wrote."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"approvals:{key}"])


def counted_with(
    key: str, amount: Decimal | None, same_subject: models.QuerySet[Case], at: Any
) -> tuple[Decimal | None, list[str]]:
    """Return this amount plus the live and approved ones of the key in the window, and which cases those are.

    Earlier cases about the same subject are what this one replaces, and do not count twice.
    """
    if not key:
        return amount, []
    _one_at_a_time(f"amount:{key}")
    others = list(
        Case.objects.filter(aggregation_key=key, opened_at__gt=at - WINDOW, state__in=Case.COUNTED)
        .exclude(pk__in=same_subject.values("pk"))
        .values_list("pk", "amount_inr")
    )
    amounts = [amount, *(other for _, other in others)]
    known = [each for each in amounts if each is not None]
    total = sum(known, Decimal("0.00")) if len(known) == len(amounts) else None
    return total, [str(pk) for pk, _ in others]


@action
def cancel_case(case_id: Any, *, actor: Actor, reason: str) -> Case:
    """End a case nobody needs any more. Asks for: the requester, whoever may cancel the request, or the system."""
    case = _withdrawable(case_id, actor, Case.LIVE)
    case.withdraw(reason)
    case.save(update_fields=["state", "decided_at", "decided_reason"])
    record("approval.cancelled", case, actor=actor, reason=reason)
    tell("approval.cancelled", case)
    return case


@action
def void(case_id: Any, *, actor: Actor, reason: str) -> Case:
    """Annul a case, even an approved one, because what it was about has changed. Signatures stay in the record."""
    case = _withdrawable(case_id, actor, Case.COUNTED)
    case.annul(reason)
    case.save(update_fields=["state", "decided_at", "decided_reason"])
    record("approval.voided", case, actor=actor, reason=reason)
    tell("approval.voided", case)
    return case


def _withdrawable(case_id: Any, actor: Actor, states: tuple[Any, ...]) -> Case:
    case = locked(case_id)
    may_withdraw(actor, case)
    if case.state not in states:
        raise Conflict(f"This case is closed: {case.get_state_display().lower()}.", code="case-closed")
    return case


@action
def ask(case_id: Any, *, actor: Actor, text: str) -> Question:
    """Put a question to the requester; it stays with the case. The clock goes on."""
    case = locked(case_id)
    policy.require(actor, "approval.sign")
    if not Case.objects.visible_to(actor).filter(pk=case.pk).exists():
        raise Absent("There is no such approval case.")
    if actor.user is None or actor.user.pk == case.requested_by_id:
        raise NotAllowed("You asked for this; the approvers ask you.", code="own-request")
    if case.state != Case.State.OPEN:
        raise Conflict("This case is closed.", code="case-closed")
    if not text.strip():
        raise Invalid(fields={"text": "write the question"})
    question = Question.objects.create(case=case, asked_by=actor.user, text=text.strip())
    record("approval.asked", case, actor=actor, data={"question": question.pk})
    tell("approval.asked", case, question_id=str(question.pk))
    return question


@action
def answer(question_id: Any, *, actor: Actor, text: str) -> Question:
    """Answer a question, once, as the requester or whoever may ask for the same."""
    question = Question.objects.select_for_update(of=("self",)).select_related("case").filter(pk=question_id).first()
    if question is None or not Case.objects.visible_to(actor).filter(pk=question.case_id).exists():
        raise Absent("There is no such question.")
    may_answer(actor, question.case)
    if question.answered_at:
        raise Conflict("This question has been answered.", code="answered")
    if not text.strip():
        raise Invalid(fields={"text": "write the answer"})
    question.answer, question.answered_by, question.answered_at = text.strip(), actor.user, now()
    question.save(update_fields=["answer", "answered_by", "answered_at"])
    record("approval.answered", question.case, actor=actor, data={"question": question.pk})
    tell("approval.answered", question.case, question_id=str(question.pk))
    return question
