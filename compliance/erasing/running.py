"""What the engine says while it works. Everything may be said twice, and is refused once the request is over.

A worker that is told Conflict (`erasure-over`) stops: somebody has cancelled, or it was finished by another.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import QuerySet

from compliance.holds.models import Hold
from compliance.holds.models import State as HoldState
from compliance.holds.queries import is_held
from portal.access.actor import Actor
from portal.audit.actions import record
from portal.audit.context import action
from portal.lib.clock import now
from portal.lib.composed import composed
from portal.lib.errors import Blocked, Conflict

from . import entering, pseudonyms
from .approval import ring, to_schedule
from .intake import bring_to_signatures
from .models import (
    ENDED,
    RUNNING,
    ErasureLedger,
    ErasureRequest,
    Obligation,
    Owed,
    Passage,
    Phase,
    ProofKey,
    RunState,
    State,
    SubjectKey,
    SystemRun,
)
from .models.request import HOLDABLE, PHASES
from .moving import forget, locked, move, tally

FACTS = frozenset(
    {
        "title", "state", "found", "targeted", "acknowledged", "absent_after", "residual", "kept", "outcome", "until",
        "manifest_root", "manifest_leaves", "checks", "method", "limits", "why",
    }
)  # fmt: skip


@dataclass(frozen=True)
class Debt:
    """What a finished erasure still owes; `part`: of what a law keeps there, and until when."""

    system: str
    due_on: date
    owed: str
    part: str = ""


@action
def started(request_id: UUID, job_id: UUID, *, actor: Actor) -> ErasureRequest:
    """Begin, or go on after a retry or a hold, under this job. Held: it comes back blocked, and nothing may be touched.

    Conflict before the undo window ends, and for every state in which nothing runs.
    """
    request = locked(request_id)
    if request.state in (State.SCHEDULED, *RUNNING) and is_held(request.tenant_id):
        return _block(request, actor)
    if request.state == State.SCHEDULED:
        if request.awaits_export:
            raise Conflict("The tenant has not received its export, and nobody has waived it.", code="export-first")
        if request.scheduled_for is None or request.scheduled_for > now():
            raise Conflict("It may still be undone.", code="undo-window")
        request.job_id = job_id
        move(request, "start", actor=actor, data={"job": str(job_id)})
    elif request.state == State.LEGAL_HOLD_BLOCKED:
        return request
    else:
        _require_running(request)
        if request.job_id != job_id:
            request.job_id = job_id
            request.save(update_fields=["job_id"])
    return request


@action
def phase(request_id: UUID, word: str, *, actor: Actor) -> ErasureRequest:
    """Say which phase it is in now; the state follows from it."""
    request = _running(request_id)
    if is_in(request, word):
        return request
    request.phase, wanted = word, _state_of(word)
    if request.state != wanted:
        move(request, "verify" if wanted == State.VERIFYING else "erase_again", actor=actor)
        return request
    request.save(update_fields=["phase"])
    Passage.objects.create(request=request, old=request.state, new=request.state, phase=word, actor=actor.id)
    return request


def is_in(request: ErasureRequest, word: str) -> bool:
    """Whether there is nothing to say: it is in this phase, and in the state that follows from it."""
    return bool(request.phase == word and request.state == _state_of(word))


def _state_of(word: str) -> State:
    return next(state for state, words in PHASES.items() if Phase(word) in words)


@action
def fix_documents(request_id: UUID, documents: Sequence[UUID], *, actor: Actor) -> None:
    """Keep which documents a person owned before anything was deleted. Said once; later calls change nothing."""
    request = _running(request_id)
    if not request.key.document_ids and documents:
        request.key.document_ids = sorted(set(documents))
        request.key.save()
        record("erasure.documents_fixed", request, actor=actor, data={"count": len(request.key.document_ids)})


@action
def note_system(request_id: UUID, system: str, region: str, *, actor: Actor, **facts: Any) -> None:
    """Keep what is known of one system: any of FACTS, counts and names only. A system that is new gets a row."""
    note_systems(request_id, {(system, region): facts}, actor=actor)


@action
def note_systems(request_id: UUID, told: Mapping[tuple[str, str], Mapping[str, Any]], *, actor: Actor) -> None:
    """The same of several, by system and region; what is not new is not written."""
    if unknown := {name for facts in told.values() for name in facts} - FACTS:
        raise TypeError(f"an erasure's system has no {', '.join(sorted(unknown))}")
    request = _running(request_id)
    known = {(row.system, row.region): row for row in systems_of(request_id)}
    new: list[SystemRun] = []
    changed: list[SystemRun] = []
    fields = {"changed_at"}
    for (system, region), facts in told.items():
        row = known.get((system, region)) or SystemRun(request=request, system=system, region=region, title=system)
        before = {name: getattr(row, name) for name in facts}
        for name, value in facts.items():
            setattr(row, name, value[:1000] if name in ("method", "limits", "why") else value)
        if row.pk is None:
            new.append(row)
        elif {name: getattr(row, name) for name in facts} != before:
            row.changed_at = now()
            changed.append(row)
            fields |= set(facts)
    SystemRun.objects.bulk_create(new)
    SystemRun.objects.bulk_create(changed, update_conflicts=True, unique_fields=["pk"], update_fields=sorted(fields))


@composed
def systems_of(request_id: UUID) -> QuerySet[SystemRun]:
    """What is known of each system by now."""
    return SystemRun.objects.filter(request_id=request_id)


@action
def note_gone(request_id: UUID, gone: Mapping[tuple[str, str], int], *, actor: Actor) -> bool:
    """Keep how many ids of each (system, region) are gone by now, never fewer than before. False: stop working on it.

    Somebody who cancels it in the middle does not stop the batches that are under way: what they took is kept, too.
    """
    request = locked(request_id)
    if not (request.state in RUNNING or SubjectKey.objects.filter(request=request).exists()):
        return False
    for row in systems_of(request_id):
        number = gone.get((row.system, row.region), 0)
        if number > (row.acknowledged or 0):
            row.acknowledged, row.changed_at = number, now()
            row.state = RunState.DELETING if row.state == RunState.LISTED else row.state
            row.save(update_fields=["acknowledged", "state", "changed_at"])
    if request.state not in RUNNING and request.counts:
        request.counts = tally(request)
        request.save(update_fields=["counts"])
    return request.state in RUNNING


@action
def hold_blocked(request_id: UUID, *, actor: Actor) -> ErasureRequest:
    """A hold took it: it rests where it is, with what was gone by then on record, until every hold is released."""
    request = locked(request_id)
    return request if request.state == State.LEGAL_HOLD_BLOCKED else _block(request, actor)


def _block(request: ErasureRequest, actor: Actor) -> ErasureRequest:
    if request.state not in HOLDABLE:
        raise Conflict(f"The erasure is {request.get_state_display()}.", code="erasure-over")
    request.counts = tally(request) if request.was_started else {}
    said = {"counts": request.counts}
    move(request, "block", actor=actor, reason="What it concerns is retained under law.", data=said)
    return request


@action
def hold_over(request_id: UUID, *, actor: Actor) -> ErasureRequest:
    """Return to where a hold took it, once none stands and every store has heard of the release; else nothing.

    Work that had begun is rung for again (`erasure.due`).
    """
    request = locked(request_id)
    if request.state != State.LEGAL_HOLD_BLOCKED or not is_released(request.tenant_id):
        return request
    was_approved = request.approved_at is not None
    move(request, "unblock", actor=actor, reason="Nothing is retained any more.")
    if request.state == State.LEGAL_HOLD_CHECK:
        bring_to_signatures(request, actor=actor)
    elif request.state == State.AWAITING_APPROVAL:
        if was_approved:
            to_schedule(request, actor=actor)
    else:
        ring(request)
    return request


def holds_met(request_id: UUID) -> int:
    """How often a hold has taken it and let it go again."""
    return Passage.objects.filter(request_id=request_id, old=State.LEGAL_HOLD_BLOCKED).count()


def is_released(tenant_id: UUID) -> bool:
    """Whether nothing holds the tenant, and no store still waits to hear so."""
    untold = Hold.objects.filter(tenant_id=tenant_id, state=HoldState.RELEASED, closed_at=None).exists()
    return not is_held(tenant_id) and not untold


@action
def not_certifiable(request_id: UUID, reasons: Sequence[str], *, actor: Actor) -> ErasureRequest:
    """It ran to its end and cannot be certified, for these reasons. What is gone stays gone."""
    request = locked(request_id)
    if request.state == State.NOT_CERTIFIABLE and request.reasons == list(reasons):
        return request
    _require_running(request)
    request.reasons, request.counts = list(reasons), tally(request)
    move(request, "give_up", actor=actor, reason=" ".join(reasons)[:1000], data={"counts": request.counts})
    return request


@action
def failed(request_id: UUID, why: str, *, actor: Actor) -> ErasureRequest:
    """It stopped, for this reason; what is gone by now is on record."""
    request = locked(request_id)
    if request.state == State.FAILED:
        return request
    _require_running(request)
    request.reasons, request.counts = [why[:1000]], tally(request)
    move(request, "fail", actor=actor, reason=why[:1000], data={"counts": request.counts})
    return request


@action
def certified(request_id: UUID, certificate_id: UUID, *, actor: Actor) -> ErasureRequest:
    """Name the certificate that was issued for it; a later one takes the place of an earlier."""
    request = locked(request_id)
    if request.certificate_id != certificate_id:
        _require_running(request)
        request.certificate_id = certificate_id
        request.save(update_fields=["certificate_id"])
        key = pseudonyms.manifest_key(bytes(request.key.key))
        until = now().date() + timedelta(days=settings.ERASURE["proof_days"])
        ProofKey.objects.get_or_create(
            certificate_id=certificate_id, defaults={"request": request, "key": key, "until": until}
        )
        record("erasure.certified", request, actor=actor, data={"certificate": str(certificate_id)})
    return request


@action
def cleared_up(request_id: UUID, *, actor: Actor) -> None:
    """Destroy the key of a cancelled erasure, once its fences are lifted and its listed ids forgotten.

    What is gone is counted by then, so the erasure ledger says that it was called off.
    """
    request = locked(request_id)
    if request.state in ENDED and SubjectKey.objects.filter(request=request).exists():
        if request.state == State.CANCELLED:
            entering.called_off(request, actor)
        forget(request)
        record("erasure.cleared_up", request, actor=actor, data={"counts": request.counts})


@action
def enter_ledger(request_id: UUID, *, actor: Actor) -> ErasureLedger:
    """Enter what is to be erased into the ledger that every restore replays, before the first of it goes. Once."""
    return entering.begun(_running(request_id), actor)


@action
def completed(request_id: UUID, *, is_final: bool, obligations: Sequence[Debt] = (), actor: Actor) -> ErasureRequest:
    """Finish: entered in the erasure ledger, key destroyed, debts written down. Blocked while a hold stands."""
    request = locked(request_id)
    if request.state == State.COMPLETED:
        return request
    _require_running(request)
    if is_held(request.tenant_id):
        raise Blocked("What it concerns is retained under law.", by="hold", code="retained")
    if request.certificate_id is None:
        raise Conflict("It is not certified.", code="not-certified")
    entry = entering.concluded(request, actor)
    if request.settles:
        _settle_all_but(request, obligations, actor)
    for one in obligations:
        Obligation.objects.get_or_create(
            request=request.settles.request if request.settles else request,
            system=one.system,
            owed=one.owed,
            defaults={"due_on": one.due_on, "part": one.part},
        )
    request.is_final, request.counts, request.reasons = is_final, tally(request), []
    move(request, "complete", actor=actor, data={"is_final": is_final, "entry": entry.digest})
    return request


def _settle_all_but(request: ErasureRequest, obligations: Sequence[Debt], actor: Actor) -> None:
    """What the supplement owes no more is settled with it: what a law kept, and what stayed for its sake."""
    assert request.settles is not None
    still = {(one.system, one.due_on, one.owed) for one in obligations}
    how = f"{request}: what a law had kept of it was erased, verified and certified."
    for owed in request.settles.request.obligations.exclude(state=Owed.LAPSED).select_for_update(no_key=True):
        if (owed.system, owed.due_on, owed.owed) not in still:
            owed.state, owed.settled_at, owed.settled_how = Owed.LAPSED, now(), how
            owed.save()
            record("erasure.obligation_settled", request, actor=actor, reason=how, data={"obligation": str(owed.pk)})


def _running(request_id: UUID) -> ErasureRequest:
    request = locked(request_id)
    _require_running(request)
    return request


def _require_running(request: ErasureRequest) -> None:
    if request.state not in RUNNING:
        code = "erasure-over" if request.state in ENDED else "wrong-state"
        raise Conflict(f"The erasure is {request.get_state_display()}.", code=code)
