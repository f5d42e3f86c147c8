"""What an erasure does when news arrives, and who hears of it. Deliveries change no state; words name no person."""

from typing import Any
from uuid import UUID

from portal.access.models import Role, User
from portal.audit.actions import record
from portal.lib.clock import now
from portal.notify.actions import notify
from portal.notify.models import Severity
from portal.notify.subscribers import page

from . import kept as kept_over
from .approval import SYSTEM, to_schedule
from .models import ErasureRequest, Obligation, State
from .models.request import HOLDABLE
from .moving import locked, move
from .running import hold_blocked, hold_over

Payload = dict[str, Any]
OURS = "erasing.erasurerequest"
# by the transition's word: how much it matters, what whoever asked hears, and what compliance hears
ASKER_HEARS = {
    "schedule": (Severity.INFO, "is signed; it begins when its undo window ends"),
    "block": (Severity.INFO, "waits: what it concerns is retained under law for now"),
    "unblock": (Severity.INFO, "goes on"),
    "complete": (Severity.INFO, "is completed and certified"),
    "refuse": (Severity.WARNING, "is refused"),
    "cancel": (Severity.WARNING, "is cancelled"),
    "extend": (Severity.WARNING, "takes longer: its time is extended"),
    "reopen": (Severity.INFO, "is being verified again"),
}
COMPLIANCE_HEARS = {
    "fail": (Severity.WARNING, "stopped; what is gone stays gone"),
    "give_up": (Severity.WARNING, "cannot be certified"),
    "reopen": (Severity.WARNING, "is objected to; every store is asked again"),
    "contest": (Severity.WARNING, "was refused, and that is objected to"),
}
LEGAL_HEARS = {
    "block": (Severity.WARNING, "is blocked by a legal hold"),
    "unblock": (Severity.WARNING, "goes on: no hold stands any more"),
    "contest": (Severity.WARNING, "was refused, and that is objected to"),
}


def approved(payload: Payload) -> None:
    """The last signature took effect: the undo window opens. Under a hold that comes when it is released."""
    request = _of_case(payload)
    if request is None or request.approved_at is not None:
        return
    if request.state == State.AWAITING_APPROVAL:
        request.approved_at = now()
        to_schedule(request, actor=SYSTEM)
    elif request.state == State.LEGAL_HOLD_BLOCKED:
        request.approved_at = now()
        request.save()
        record("erasure.approved", request, actor=SYSTEM)


def ended(payload: Payload) -> None:
    """The case ended without an approval: so does the request, which has touched nothing."""
    request = _of_case(payload)
    if request is None or request.was_started or not request.is_open:
        return
    why = payload.get("reason") or f"The approval was {payload['state']}."
    request.reasons = [why]
    move(request, "refuse" if payload["state"] == "rejected" else "cancel", actor=SYSTEM, reason=why)


def _of_case(payload: Payload) -> ErasureRequest | None:
    if payload.get("subject_type") != OURS:
        return None
    request = locked(UUID(payload["subject_id"]))
    return request if str(request.case_id) == payload["case_id"] else None


def hold_changed(payload: Payload) -> None:
    """A hold was placed: what has not begun rests at once; work under way is stopped by its own fence and says so."""
    if payload["word"] != "placed":
        return
    waiting = [state for state in HOLDABLE if state not in (State.EXECUTING, State.VERIFYING)]
    for pk in ErasureRequest.objects.filter(tenant__holds__pk=payload["hold_id"], state__in=waiting).values_list(
        "pk", flat=True
    ):
        hold_blocked(pk, actor=SYSTEM)


def hold_released(payload: Payload) -> None:
    """Nothing is held any more and every store knows: what waited goes on by itself."""
    blocked = ErasureRequest.objects.filter(tenant_id=payload["tenant_id"], state=State.LEGAL_HOLD_BLOCKED)
    for pk in blocked.values_list("pk", flat=True):
        hold_over(pk, actor=SYSTEM)


def changed(payload: Payload) -> None:
    """Tell whoever asked, compliance and legal what each has to know."""
    word, users = payload["word"], list(User.objects.filter(pk=payload["requested_by"]))
    if word in ASKER_HEARS:
        _tell(payload, ASKER_HEARS[word], "asker", users=users)
    if word in COMPLIANCE_HEARS:
        _tell(payload, COMPLIANCE_HEARS[word], "compliance", role=Role.COMPLIANCE_OFFICER)
    if word in LEGAL_HEARS:
        _tell(payload, LEGAL_HEARS[word], "legal", role=Role.LEGAL)


def due_near(payload: Payload) -> None:
    """The statutory clock runs out."""
    days = payload["days"]
    words = "is overdue" if days < 0 else "is due today" if days == 0 else f"is due in {days} days"
    severity = Severity.CRITICAL if days <= 1 else Severity.WARNING
    for role in (Role.COMPLIANCE_OFFICER, Role.LEGAL) if days < 0 else (Role.COMPLIANCE_OFFICER,):
        _tell({**payload, "at": payload["due_on"]}, (severity, words), f"due:{days}:{role}", role=role)


def obligation_due(payload: Payload) -> None:
    """Something an erasure still owes is due, or was."""
    found = Obligation.objects.select_related("request__tenant").get(pk=payload["obligation_id"])
    words = "is overdue" if payload["days"] < 0 else f"is due on {found.due_on}"
    if kept_over.is_due(found):
        words += ": no law keeps it by its day any more, and it goes once somebody asks and two others sign"
    notify(
        "erasure.obligation_due",
        title=f"What {found.request} owes in {found.system} {words}",
        role=Role.COMPLIANCE_OFFICER,
        severity=Severity.CRITICAL if payload["days"] < 0 else Severity.WARNING,
        url=page("obligations", found.pk),
        tenant_id=found.request.tenant_id,
        details=[("Erasure", str(found.request)), ("System", found.system), ("Owed", found.owed)],
        key=f"erasure.obligation:{found.pk}:{payload['days']}",
    )


def rule_review(payload: Payload) -> None:
    """A retention rule wants to be read again; it stays in force until somebody changes it."""
    notify(
        "retention_rule.review",
        title=f"Retention rule {payload['code']} is due for review; it stays in force",
        role=Role.COMPLIANCE_OFFICER,
        severity=Severity.WARNING,
        url=page("retention-rules", payload["code"]),
        key=f"retention_rule.review:{payload['code']}:{payload['review_on']}",
    )


def _tell(payload: Payload, news: tuple[Any, str], whom: str, **to: Any) -> None:
    severity, words = news
    notify(
        "erasure.changed",
        title=f"Erasure {payload['number']} in {payload['name']} {words}",
        severity=severity,
        url=page("erasures", payload["request_id"]),
        tenant_id=payload["tenant_id"],
        details=[("Erasure", payload["number"]), ("Tenant", payload["name"])],
        key=f"erasure.{payload.get('word', 'due')}:{payload['request_id']}:{payload['at']}:{whom}",
        **to,
    )
