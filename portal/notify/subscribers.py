"""News of approvals, requests, jobs and incidents, told to the people it concerns.

Each function may run twice for one event: the notice's key makes the second time silent. Titles and details name no
person, because they also leave for chat and webhooks.
"""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings

from portal.access.models import Role, User
from portal.access.queries import users_with_role
from portal.approvals import queries as approvals
from portal.approvals.models import Case, Question
from portal.jobs.models import Job
from portal.lib.money import inr, inr_short

from .actions import notify
from .models import Severity

Payload = dict[str, Any]
Details = list[tuple[str, str]]
REQUEST_NEWS = {
    "pending_manual_setup": (Severity.INFO, "is being set up by hand"),
    "awaiting_champion": (Severity.INFO, "is ready: the champion signs it off"),
    "active": (Severity.INFO, "is active"),
    "failed": (Severity.WARNING, "could not be provisioned"),
    "rolled_back": (Severity.WARNING, "was rolled back; nothing is left behind"),
    "rollback_incomplete": (Severity.CRITICAL, "could not be rolled back completely"),
}


def local(at: datetime) -> str:
    """An instant as people here read it."""
    return f"{at.astimezone(ZoneInfo(settings.DISPLAY_TIME_ZONE)):%d %b %Y %H:%M %Z}"


def page(kind: str, key: Any) -> str:
    return f"{settings.PUBLIC_URL}/{kind}/{key}/"


def _case(payload: Payload) -> Case:
    return Case.objects.select_related("requested_by").get(pk=payload["case_id"])


def _amount(case: Case) -> str:
    return "not known" if case.amount_inr is None else f"{inr(case.amount_inr)} {case.get_period_display()}"


def _details(case: Case) -> Details:
    unit = [("Business unit", case.business_unit)] if case.business_unit else []
    return [("About", case.title), ("Amount", _amount(case)), *unit]


def _where(case: Case) -> dict[str, str]:
    return {kind: str(key) for kind, key in case.access_scope().items() if key}


def _about(case: Case, event: str, title: str, users: list[User], **more: Any) -> None:
    more.setdefault("details", _details(case))
    more.setdefault("key", f"{event}:{case.pk}")
    notify(event, title=title, users=users, url=case.url, tenant_id=case.tenant_id, **more)


# -- approvals -------------------------------------------------------------------------------------------------------
def approval_opened(payload: Payload) -> None:
    """Tell the requester that it went to signature; one that needs none is told when it is approved."""
    case = _case(payload)
    if case.state == Case.State.OPEN:
        title = f"{case.title}: waiting for signatures"
        _about(case, "approval.opened", title, [case.requested_by], inbox_only=True)


def approval_waiting(payload: Payload) -> None:
    """Ask everyone who could sign: who asks, the amount, the deadline, a link that opens the page."""
    requirement, people = approvals.asked_to_sign(payload["requirement_id"])
    case = requirement.case
    if case.state != Case.State.OPEN or requirement.due_at is None:
        return
    short = (
        "an unknown amount" if case.amount_inr is None else f"{inr_short(case.amount_inr)} {case.get_period_display()}"
    )
    role = requirement.get_role_display()
    details = [*_details(case), ("You sign as", role), ("Sign by", local(requirement.due_at))]
    key = f"approval.waiting:{requirement.pk}:{payload.get('at', '')}"
    title = f"Signature needed: {case.title}, {short}"
    _about(case, "approval.waiting", title, people, details=details, asked_by=case.requested_by, key=key)


def approval_signed(payload: Payload) -> None:
    case = _case(payload)
    title = f"{case.title}: everyone has signed"
    _about(case, "approval.signed", title, [case.requested_by], inbox_only=True)


def approval_approved(payload: Payload) -> None:
    case = _case(payload)
    _about(case, "approval.approved", f"{case.title}: approved", [case.requested_by])


def approval_rejected(payload: Payload) -> None:
    _ended(payload, "approval.rejected", "rejected")


def approval_expired(payload: Payload) -> None:
    _ended(payload, "approval.expired", "expired before everyone signed")


def approval_voided(payload: Payload) -> None:
    _ended(payload, "approval.voided", "the approval is void, because what was approved has changed")


def _ended(payload: Payload, event: str, words: str) -> None:
    """Tell the requester and everyone who had acted."""
    case = _case(payload)
    people = approvals.involved_in(case)
    _about(case, event, f"{case.title}: {words}", people, severity=Severity.WARNING, body=case.decided_reason)


def approval_blocked(payload: Payload) -> None:
    """Tell the administrators, who can add a rule or grant a role, and the requester."""
    case = _case(payload)
    details = [*_details(case), ("Why", case.blocked_reason or "Nobody can sign.")]
    key = f"approval.blocked:{case.pk}:{payload.get('requirement_id') or 'no-rule'}:{payload.get('at', '')}"
    title = f"Blocked: nobody can sign {case.title}"
    shared = {"severity": Severity.CRITICAL, "details": details, "key": key}
    _about(case, "approval.blocked", title, [case.requested_by], role=Role.PLATFORM_ADMIN, **shared)


def approval_escalated(payload: Payload) -> None:
    """Tell the role the rule names, and remind those who could sign."""
    requirement, people = approvals.asked_to_sign(payload["requirement_id"])
    case = requirement.case
    overdue = [("Overdue since", local(requirement.due_at))] if requirement.due_at else []
    _about(
        case,
        "approval.escalated",
        f"Overdue: {requirement.get_role_display()} has not signed {case.title}",
        people,
        role=payload["escalate_to"],
        where=_where(case),
        severity=Severity.WARNING,
        details=[*_details(case), *overdue],
        asked_by=case.requested_by,
        key=f"approval.escalated:{requirement.pk}:{requirement.due_at}",
    )


def approval_asked(payload: Payload) -> None:
    case, question = _case(payload), Question.objects.select_related("asked_by").get(pk=payload["question_id"])
    title = f"A question about {case.title}"
    more = {"body": question.text, "asked_by": question.asked_by, "key": f"approval.asked:{question.pk}"}
    _about(case, "approval.asked", title, [case.requested_by], **more)


def approval_answered(payload: Payload) -> None:
    case, question = _case(payload), Question.objects.select_related("asked_by").get(pk=payload["question_id"])
    title = f"Your question about {case.title} was answered"
    more = {"body": question.answer, "key": f"approval.answered:{question.pk}"}
    _about(case, "approval.answered", title, [question.asked_by], **more)


# -- lifecycle, known here by ids only -------------------------------------------------------------------------------
def request_changed(payload: Payload) -> None:
    """Tell the people it concerns where a request stands, in the states that matter to them."""
    news = REQUEST_NEWS.get(payload["state"])
    if news is None:
        return
    severity, words = news
    notify(
        "request.changed",
        title=f"{payload['name']} {words}",
        users=list(User.objects.filter(pk__in=payload["users"])),
        severity=severity,
        url=page("requests", payload["request_id"]),
        tenant_id=payload["tenant_id"],
        details=[("About", payload["name"])],
        key=f"request.{payload['state']}:{payload['request_id']}:{payload['at']}",
    )


def job_failed(payload: Payload) -> None:
    """Tell the engineers where it stopped; the error itself is on the job's page."""
    details = [("Job", payload["kind"]), ("Step", payload.get("step") or "before the first step")]
    title = f"A job failed: {payload['kind']}, {payload.get('step') or 'before the first step'}"
    retries = Job.objects.filter(pk=payload["job_id"]).values_list("retries", flat=True).first()
    key = f"job.failed:{payload['job_id']}:{retries}"
    notify(
        "job.failed",
        title=title,
        role=Role.PLATFORM_ENGINEER,
        severity=Severity.WARNING,
        body=str(payload.get("error") or "")[:2000],
        url=page("jobs", payload["job_id"]),
        tenant_id=payload.get("tenant_id"),
        details=details,
        key=key,
    )


def ticket_opened(payload: Payload) -> None:
    """Tell the engineers what is to be done by hand: the ticket of another tracker is complete by itself."""
    todo = [(f"To do {n}", text) for n, text in enumerate(payload.get("items", ()), 1)]
    notify(
        "ticket.opened",
        title=f"Manual set-up waits: {payload['reference']}",
        role=Role.PLATFORM_ENGINEER,
        severity=Severity.WARNING,
        url=page("requests", payload["request_id"]),
        details=[("Ticket", payload["reference"]), *todo],
        key=f"ticket.opened:{payload['reference']}",
    )


def rollback_finished(payload: Payload) -> None:
    """Tell the engineers and, when something was left behind, what it costs."""
    left, monthly = int(payload.get("left") or 0), payload.get("monthly_inr")
    cost = [("Costs a month", f"₹{monthly}")] if left and monthly is not None else []
    notify(
        "rollback.finished",
        title="A roll-back left resources behind" if left else "A roll-back is complete",
        role=Role.PLATFORM_ENGINEER,
        severity=Severity.CRITICAL if left else Severity.WARNING,
        url=page("requests", payload["request_id"]),
        details=[("Resources left", str(left)), *cost],
        key=f"rollback.finished:{payload['request_id']}:{payload['state']}:{left}",
    )


def incident_opened(payload: Payload) -> None:
    """Tell compliance and the administrators: a clock is running."""
    tenant_id = payload.get("tenant_id")
    for role in (Role.COMPLIANCE_OFFICER, Role.PLATFORM_ADMIN):
        notify(
            "incident.opened",
            title=f"Incident: {payload['title']}",
            role=role,
            where={"tenant": str(tenant_id)} if tenant_id else None,
            severity=Severity.CRITICAL,
            url=page("incidents", payload["incident_id"]),
            tenant_id=tenant_id,
            details=[("Incident", payload["title"])],
            key=f"incident.opened:{payload['incident_id']}",
        )


def residency_failed(payload: Payload) -> None:
    """Tell compliance that rules in force today no longer allow a tenant where it is. Nothing was moved."""
    rules = payload["rules"]
    titles = "; ".join(rule["title"] for rule in rules)
    notify(
        "residency.failed",
        title=f"{payload['name']} in {payload['region']} no longer passes: {titles}",
        role=Role.COMPLIANCE_OFFICER,
        where={"tenant": str(payload["tenant_id"]), "business_unit": str(payload["business_unit"])},
        severity=Severity.CRITICAL,
        body=" ".join(rule["remedy"] for rule in rules)[:2000],
        url=page("tenants", payload["tenant_id"]),
        tenant_id=payload["tenant_id"],
        details=[("Tenant", payload["name"]), *((rule["rule_id"], rule["title"]) for rule in rules)],
        key=f"residency.failed:{payload['tenant_id']}:{payload['at']}",
    )


ENDS = {"suspended": "is archived", "archived": "is due for erasure"}


def tenant_ending(payload: Payload) -> None:
    """Remind the tenant's people and the administrators of what the clock brings, while it can still be averted."""
    when = f"in {payload['days']} days" if payload["days"] > 1 else "within a day"
    _tenant(
        "tenant.ending",
        f"{payload['name']} {ENDS[payload['status']]} {when}",
        payload,
        details=[("Tenant", payload["name"]), ("On", local(datetime.fromisoformat(payload["end"])))],
        key=f"tenant.ending:{payload['tenant_id']}:{payload['end']}:{payload['days']}",
    )


def tenant_end_blocked(payload: Payload) -> None:
    """Tell the same people that what was due could not be done, and why."""
    _tenant(
        "tenant.end_blocked",
        f"Blocked: {payload['name']} {ENDS[payload['status']]}, and something forbids it",
        payload,
        body=payload["why"],
        details=[("Tenant", payload["name"]), ("Why", payload["why"])],
        key=f"tenant.end_blocked:{payload['tenant_id']}:{payload['at']}",
    )


def _tenant(event: str, title: str, payload: Payload, **more: Any) -> None:
    notify(
        event,
        title=title,
        users=list(User.objects.filter(pk__in=payload["users"])),
        role=Role.PLATFORM_ADMIN,
        severity=Severity.WARNING,
        url=page("tenants", payload["tenant_id"]),
        tenant_id=payload["tenant_id"],
        **more,
    )


def outbox_gave_up(payload: Payload) -> None:
    """Tell the engineers that news did not reach a subscriber: something downstream has not happened."""
    notify(
        "outbox.gave_up",
        title=f"News was not taken: {payload['name']}",
        role=Role.PLATFORM_ENGINEER,
        severity=Severity.CRITICAL,
        body=str(payload.get("error") or "")[:500],
        details=[("Event", str(payload["name"])), ("Subscriber", str(payload["subscriber"]))],
        key=f"outbox.gave_up:{payload['delivery_id']}",
    )


# -- the ledger ------------------------------------------------------------------------------------------------------
LEDGER_ROLES = (Role.PLATFORM_ADMIN, Role.AUDITOR, Role.COMPLIANCE_OFFICER)


def ledger_alarm(payload: Payload) -> None:
    """Tell those who answer for the record that it is not as it should be, in two ways."""
    _ledger("ledger.alarm", "The ledger needs a look: " + payload["words"][0], payload, Severity.CRITICAL)


def ledger_all_clear(payload: Payload) -> None:
    _ledger("ledger.all_clear", "The ledger is as it should be again", payload, Severity.INFO)


def _ledger(event: str, title: str, payload: Payload, severity: Severity) -> None:
    people = {user.pk: user for role in LEDGER_ROLES for user in users_with_role(role)}
    notify(
        event,
        title=title,
        users=list(people.values()),
        severity=severity,
        body="\n".join(payload.get("words", [])),
        url=payload["url"],
        key=f"{event}:{payload['entry']}",
    )
