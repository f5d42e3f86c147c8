"""What people do with an erasure after it was received: stop it, answer for it, and see that it is finished."""

from uuid import UUID

from compliance.holds.queries import is_held
from portal.access import policy
from portal.access.actor import Actor
from portal.audit.actions import record
from portal.audit.context import action
from portal.jobs.outbox import emit
from portal.lib.clock import now
from portal.lib.errors import Absent, Blocked, Conflict, Invalid

from . import pseudonyms
from .approval import ring, withdraw_case
from .intake import justification, overdue, preview, request
from .kept import erase_part
from .models import (
    BEFORE_START,
    ErasureLedger,
    ErasureRequest,
    Export,
    Kind,
    Obligation,
    Owed,
    Recipient,
    State,
    SubjectKey,
)
from .models.rule import NO_ADDRESS
from .moving import locked, move, news_of, tally
from .scope import Subject, what_is_left
from .statutory import due_on

__all__ = [
    "cancel", "contest", "erase_part", "extend", "preview", "refuse", "request", "retry", "settle_export",
    "settle_obligation", "tell_recipient", "waive_export",
]  # fmt: skip


@action
def cancel(request_id: UUID, *, actor: Actor, reason: str) -> ErasureRequest:
    """End a request. Before it begins nothing was touched; afterwards what is gone stays gone, and is counted."""
    found = _mine(request_id, actor)
    own = actor.user is not None and found.requested_by_id == actor.user.pk and not found.was_started
    policy.require(actor, "erasure.request" if own else "erasure.operate", found)
    why = justification(reason)
    found.counts = tally(found) if found.was_started else {}
    move(found, "cancel", actor=actor, reason=why, data={"counts": found.counts})
    withdraw_case(found, why)
    emit("erasure.cancelled", {**news_of(found), "was_started": found.was_started})
    return found


@action
def refuse(request_id: UUID, *, actor: Actor, reason: str) -> ErasureRequest:
    """Refuse a request that has not begun, and say on what ground."""
    found = _mine(request_id, actor, "erasure.refuse")
    why = justification(reason)
    if found.was_started:
        raise Conflict("It has begun: it can be cancelled, no longer refused.", code="wrong-state")
    found.reasons = [why]
    move(found, "refuse", actor=actor, reason=why)
    withdraw_case(found, why)
    emit("erasure.refused", news_of(found))
    return found


@action
def extend(request_id: UUID, *, actor: Actor, reason: str) -> ErasureRequest:
    """Extend the statutory clock once, while it runs; whoever asked is told, with the reason (Art. 12(3))."""
    found = _mine(request_id, actor, "erasure.extend")
    why = justification(reason)
    if not found.is_open:
        raise Conflict(f"The erasure is {found.get_state_display()}.", code="wrong-state")
    if found.extended_at is not None:
        raise Conflict("It has been extended; that is done once.", code="extended-already")
    if overdue(found):
        raise Conflict("Its time is over: an extension is told within it.", code="overdue")
    before, found.due_on = found.due_on, due_on(found.legal_basis, found.received_at, extended=True)
    found.extended_at, found.extension_reason, found.alarmed_at_days = now(), why[:1000], None
    found.save()
    said = {"from": before.isoformat(), "to": found.due_on.isoformat()}
    record("erasure.extended", found, actor=actor, reason=why, data=said)
    emit("erasure.changed", {**news_of(found), "word": "extend", "from": found.state})
    return found


def contest(
    request_id: UUID, *, actor: Actor, reason: str, user_id: UUID | None = None, document_ids: list[UUID] | None = None
) -> ErasureRequest:
    """Object within the clock. Of a completed erasure every store is asked again at once, and nothing comes back.

    Its key is destroyed, so whom it was about is said again; the erasure ledger tells whether it is the same. What is
    found, or cannot be looked at, makes it not certifiable: compliance then has it erased again.
    """
    known = ErasureRequest.objects.visible_to(actor).select_related("tenant").filter(pk=request_id).first()
    if known is None:
        raise Absent("There is no such erasure.")
    policy.require(actor, "erasure.contest", known)
    _require_contestable(known)
    kept = tuple(known.exemptions.exclude(part="").values_list("system", "part"))
    subject = Subject(known.tenant, known.kind, user_id, tuple(document_ids or ()), kept=kept)
    left: list[str] = []
    if known.state == State.COMPLETED:
        _require_same(known, subject)
        left = what_is_left(subject)
    return _contest(request_id, subject, left, actor=actor, reason=justification(reason))


@action
def _contest(request_id: UUID, subject: Subject, left: list[str], *, actor: Actor, reason: str) -> ErasureRequest:
    found = locked(request_id)
    _require_contestable(found)
    found.contested_at, found.contest_reason = now(), reason[:1000]
    if found.state == State.COMPLETED:
        _open_again(found, subject)
        move(found, "reopen", actor=actor, reason=reason)
        found.reasons = left
        move(found, "give_up" if left else "complete", actor=actor, reason=" ".join(left) or "Nothing was found.")
    else:
        found.save()
        record("erasure.contested", found, actor=actor, reason=reason)
        emit("erasure.changed", {**news_of(found), "word": "contest", "from": found.state})
    emit("erasure.contested", {**news_of(found), "left": left})
    return found


def _require_contestable(found: ErasureRequest) -> None:
    if found.state not in (State.COMPLETED, State.REFUSED):
        raise Conflict(
            f"The erasure is {found.get_state_display()}: there is nothing to object to.", code="wrong-state"
        )
    if overdue(found):
        raise Conflict("The time to object ended with its clock.", code="overdue")
    if found.contested_at is not None:
        raise Conflict("It has been objected to already.", code="contested-already")
    if is_held(found.tenant_id):
        raise Blocked("What it concerns is retained under law.", by="hold", code="retained")


def _require_same(found: ErasureRequest, subject: Subject) -> None:
    entry, tenant_id = ErasureLedger.objects.filter(request=found).earliest("id"), found.tenant_id
    user = pseudonyms.ledger_digest(Kind.PERSON, tenant_id, subject.user_id)
    if found.kind == Kind.PERSON and (subject.user_id is None or entry.subject != user):
        raise Invalid(fields={"user_id": "this erasure was about somebody else"})
    digests = sorted(pseudonyms.ledger_digest(Kind.DOCUMENT, tenant_id, one) for one in subject.documents)
    if found.kind == Kind.DOCUMENT and digests != sorted(entry.documents):
        raise Invalid(fields={"document_ids": "this erasure was about other documents"})


@action
def found_again(request_id: UUID, left: list[str], *, actor: Actor, reason: str) -> ErasureRequest:
    """Open a completed erasure of a tenant because a later look found something: compliance has it erased again.

    Of a person nobody knows any more whom it was about, so that is asked for anew; and under a hold nothing changes.
    """
    policy.require(actor, "erasure.operate")
    found = locked(request_id)
    if found.state != State.COMPLETED or found.kind != Kind.TENANT or found.contested_at or is_held(found.tenant_id):
        return found
    found.contested_at, found.contest_reason = now(), reason[:1000]
    _open_again(found, Subject(found.tenant, found.kind))
    move(found, "reopen", actor=actor, reason=reason)
    found.reasons = left
    move(found, "give_up", actor=actor, reason=" ".join(left))
    return found


def _open_again(found: ErasureRequest, subject: Subject) -> None:
    whom = pseudonyms.about(found.tenant_id, found.kind, subject.user_id, subject.documents)
    fence = pseudonyms.fence_of(whom)
    if SubjectKey.objects.filter(fence=fence).exists():
        raise Conflict("Another erasure of the same is open.", code="erasure-open")
    documents = list(subject.documents)
    SubjectKey.objects.create(
        request=found, key=pseudonyms.new_key(), fence=fence, user_id=subject.user_id, document_ids=documents
    )


@action
def retry(request_id: UUID, *, actor: Actor, reason: str) -> ErasureRequest:
    """Go on with one that failed, or could not be certified, once its reason is gone."""
    found = _mine(request_id, actor, "erasure.operate")
    why = justification(reason)
    if is_held(found.tenant_id):
        raise Blocked("What it concerns is retained under law.", by="hold", code="retained")
    move(found, "retry", actor=actor, reason=why)
    ring(found)
    return found


@action
def waive_export(request_id: UUID, *, actor: Actor, reason: str) -> ErasureRequest:
    """Give up the return of a whole tenant's data, for this erasure: its own administrator or counsel may."""
    found = _mine(request_id, actor, "erasure.waive_export")
    why = justification(reason)
    if not found.awaits_export or found.state not in (*BEFORE_START, State.LEGAL_HOLD_BLOCKED):
        raise Conflict("Nothing waits for an export here.", code="wrong-state")
    settle_export(found, Export.WAIVED, why, actor=actor)
    return found


def settle_export(found: ErasureRequest, word: str, how: str, *, actor: Actor) -> None:
    """Inside the transaction of what settles it: from now on the erasure may begin when its time comes."""
    found.export_settled, found.export_settled_how = word, how[:1000]
    found.export_settled_by, found.export_settled_at = actor.id, now()
    found.save()
    record(f"erasure.export_{word}", found, actor=actor, reason=how[:1000])
    if found.state == State.SCHEDULED:
        ring(found)


@action
def tell_recipient(request_id: UUID, *, actor: Actor, reason: str, name: str, how: str) -> Recipient:
    """Note that a recipient of the data was told of its erasure (Art. 19). It is printed on the certificate."""
    found = _mine(request_id, actor, "erasure.operate")
    why, words = justification(reason), {"name": name.strip(), "how": how.strip()}
    for field, text in words.items():
        if not text or NO_ADDRESS.regex.search(text) is None:  # type: ignore[union-attr]
            raise Invalid(fields={field: "say it in words, without an address"})
    if found.state in (State.REFUSED, State.CANCELLED):
        raise Conflict(f"The erasure is {found.get_state_display()}.", code="wrong-state")
    if found.recipients.filter(name=words["name"]).exists():
        raise Conflict("They have been told.", code="told-already")
    made = Recipient.objects.create(request=found, told_by=actor.id, **words)
    record("erasure.recipient_told", found, actor=actor, reason=why, data={"recipient": made.pk})
    return made


@action
def settle_obligation(obligation_id: UUID, *, actor: Actor, reason: str) -> Obligation:
    """Say that what was owed is done, and how that is known. News go out for a supplement to the certificate."""
    known = Obligation.objects.visible_to(actor).filter(pk=obligation_id).first()
    if known is None:
        raise Absent("There is no such obligation.")
    found = locked(known.request_id)
    policy.require(actor, "erasure.operate", found)
    why = justification(reason)
    owed = Obligation.objects.select_for_update(no_key=True).get(pk=obligation_id)
    if owed.state == Owed.LAPSED:
        raise Conflict("It is settled.", code="wrong-state")
    owed.state, owed.settled_at, owed.settled_how = Owed.LAPSED, now(), why[:1000]
    owed.save()
    record("erasure.obligation_settled", found, actor=actor, reason=why, data={"obligation": str(owed.pk)})
    emit("erasure.obligation_lapsed", {**news_of(found), "obligation_id": str(owed.pk)})
    return owed


def _mine(request_id: UUID, actor: Actor, verb: str = "") -> ErasureRequest:
    """The request, locked, if the actor may see it and do this to it."""
    if not ErasureRequest.objects.visible_to(actor).filter(pk=request_id).exists():
        raise Absent("There is no such erasure.")
    found = locked(request_id)
    if verb:
        policy.require(actor, verb, found)
    return found
