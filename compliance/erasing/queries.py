"""Reads of erasures: what the engine needs, what restores replay, and what an actor may do."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from portal.access import policy
from portal.access.actor import Actor
from portal.approvals.models import Case, Requirement, Signature
from portal.lib.clock import now
from portal.lib.composed import composed
from portal.lib.errors import Absent
from tenants.models import Status, Tenant

from . import pseudonyms
from .entering import GENESIS
from .intake import digest_of, overdue
from .models import (
    BEFORE_START,
    RUNNING,
    ErasureLedger,
    ErasureRequest,
    Exemption,
    Kind,
    Obligation,
    Owed,
    ProofKey,
    State,
    Word,
)
from .statutory import today

S = State
LOCKABLE = "objects"  # the system whose store may lock; but for parts it owes nothing else


@dataclass(frozen=True)
class Facts:
    """One open request, with whom it is about. Never stored: it is read again where it is needed."""

    request: ErasureRequest
    tenant: Tenant
    kind: str
    user_id: UUID | None
    document_ids: tuple[UUID, ...]
    key: bytes
    subject: str
    identifiers: tuple[str, ...]
    requester: str
    legal_basis: str
    received_at: datetime
    approved_at: datetime | None
    started_at: datetime | None

    @property
    def manifest_key(self) -> bytes:
        """Under which its ids become leaves."""
        return pseudonyms.manifest_key(self.key)

    @cached_property
    def _case(self) -> Case | None:
        case_id = self.request.case_id
        return Case.objects.filter(pk=case_id).first() if case_id else None

    @cached_property
    def approvers(self) -> tuple[str, ...]:
        """Who signed, in order."""
        signed = Signature.objects.filter(case=self._case, decision=Signature.Decision.SIGN, signer__is_service=False)
        return tuple(str(one) for one in signed.order_by("at").values_list("signer_id", flat=True))

    @cached_property
    def persons_needed(self) -> int:
        return _persons_needed(self.request, self._case)

    @cached_property
    def approval_digest(self) -> str:
        return self._case.digest if self._case else self.request.digest

    @property
    def settles(self) -> Obligation | None:
        """The one part that it is about; None: all that is known of the subject."""
        return self.request.settles

    @cached_property
    def exemptions(self) -> tuple[dict[str, Any], ...]:
        return tuple(_exemptions(self.request.pk))

    @cached_property
    def recipients(self) -> tuple[dict[str, Any], ...]:
        return tuple(map(dict, self.request.recipients.values("name", "how", "told_at")))


def staying(region: str) -> dict[UUID, list[Obligation]]:
    """The deleted tenants of which something stays in a region, with what is owed: parts a law keeps, and locks."""
    is_there = Q(part__gt="", system__regex=rf"^[^-]+-{re.escape(region)}$") | Q(system=f"{LOCKABLE}-{region}")
    gone = Obligation.objects.filter(is_there, request__tenant__status=Status.DELETED).exclude(state=Owed.LAPSED)
    found: dict[UUID, list[Obligation]] = {}
    for one in gone.select_related("request"):
        found.setdefault(one.request.tenant_id, []).append(one)
    return found


def facts(request_id: UUID) -> Facts:
    """Everything the engine needs. Absent once the key is destroyed: then nothing here knows whom it was about."""
    found = _open(request_id)
    if not found:
        raise Absent("There is no such open erasure.")
    request, key = found[0], found[0].key
    return Facts(
        request=request,
        tenant=request.tenant,
        kind=request.kind,
        user_id=key.user_id,
        document_ids=tuple(key.document_ids),
        key=bytes(key.key),
        subject=request.subject,
        identifiers=tuple(request.identifiers),
        requester=str(request.requested_by_id),
        legal_basis=request.legal_basis,
        received_at=request.received_at,
        approved_at=request.approved_at,
        started_at=request.started_at,
    )


@composed
def _exemptions(request_id: UUID) -> QuerySet[Exemption, Any]:
    rows = Exemption.objects.filter(request_id=request_id)
    return rows.values("rule", "system", "category", "ground", "until", "part")


@composed
def _open(request_id: UUID) -> QuerySet[ErasureRequest]:
    rows = ErasureRequest.objects.select_related("tenant", "key").defer("inventory")
    return rows.filter(pk=request_id, key__isnull=False).order_by()


def is_blocked(request_id: UUID) -> bool:
    """Whether a hold has taken it, and it has not gone on yet."""
    return bool(_blocked(request_id))


@composed
def _blocked(request_id: UUID) -> QuerySet[ErasureRequest, UUID]:
    rows = ErasureRequest.objects.filter(pk=request_id, state=State.LEGAL_HOLD_BLOCKED).order_by()
    return rows.values_list("pk", flat=True)


def _persons_needed(request: ErasureRequest, case: Case | None) -> int:
    """How many different persons its rules ask for: every signature that they want, and who asked.

    What a service account asked for wants one more, since nobody counts software as a person.
    """
    wanted = case.requirements.exclude(state=Requirement.State.WAIVED) if case else Requirement.objects.none()
    signatures = sum(wanted.values_list("quorum", flat=True))
    if request.is_synthetic:
        return signatures
    return signatures + (2 if request.requested_by.is_service else 1)


def erased_since(at: datetime) -> set[UUID]:
    """The tenants of which something is being erased, or was at some time since then."""
    works = Q(state__in=RUNNING) | Q(started_at__isnull=False, state_changed_at__gte=at)
    return set(ErasureRequest.objects.filter(works).values_list("tenant_id", flat=True))


def open_of(tenant_id: UUID) -> list[ErasureRequest]:
    """Requests about the tenant that are not over."""
    return list(ErasureRequest.objects.open().filter(tenant_id=tenant_id))


def erasure_ledger(tenant_id: UUID | None = None) -> Iterator[ErasureLedger]:
    """Every word of every erasure, oldest first, of one tenant or of all: what a restore goes through."""
    rows = ErasureLedger.objects.order_by("id")
    yield from (rows.filter(tenant_id=tenant_id) if tenant_id else rows).iterator(chunk_size=1000)


def erasure_ledger_digest() -> str:
    """The digest of the newest entry, which covers all before it."""
    last = ErasureLedger.objects.order_by("-id").values_list("digest", flat=True).first()
    return last or GENESIS


def is_erased(tenant_id: UUID, *, user_id: UUID | None = None, document_id: UUID | None = None) -> bool:
    """Whether a restore that brings this back must erase it again: also what is only being erased."""
    rows = ErasureLedger.objects.filter(tenant_id=tenant_id).exclude(request__in=_called_off(tenant_id))
    if rows.filter(kind=Kind.TENANT).exists():
        return True
    if user_id and rows.filter(subject=pseudonyms.ledger_digest(Kind.PERSON, tenant_id, user_id)).exists():
        return True
    wanted = pseudonyms.ledger_digest(Kind.DOCUMENT, tenant_id, document_id) if document_id else ""
    return bool(wanted) and rows.filter(documents__contains=[wanted]).exists()


def _called_off(tenant_id: UUID) -> list[UUID]:
    """Erasures that were cancelled, and had not been concluded before."""
    rows = ErasureLedger.objects.filter(tenant_id=tenant_id)
    ended = rows.filter(word=Word.CONCLUDED).values_list("request_id", flat=True)
    return list(rows.filter(word=Word.CALLED_OFF).exclude(request__in=ended).values_list("request_id", flat=True))


def digest_now(subject_id: str) -> str:
    """What a signature would bind now: an approved case is void where it differs."""
    return digest_of(ErasureRequest.objects.get(pk=subject_id))


def days_left(request: ErasureRequest) -> int:
    return (request.due_on - today(request.legal_basis, now())).days


def days_of_clock(request: ErasureRequest) -> int:
    return max(1, (request.due_on - today(request.legal_basis, request.received_at)).days)


def available_verbs(request: ErasureRequest, actor: Actor) -> list[str]:
    """Words the actor may use on the request now, in the order pages show them."""
    state, words = request.state, []
    operates = policy.can(actor, "erasure.operate", request)
    if state in (S.FAILED, S.NOT_CERTIFIABLE) and operates:
        words.append("retry")
    if request.is_open and not request.extended_at and not overdue(request):
        words += ["extend"] if policy.can(actor, "erasure.extend", request) else []
    if request.awaits_export and not request.was_started and request.is_open:
        words += ["waive_export"] if policy.can(actor, "erasure.waive_export", request) else []
    if request.certificate_id and ProofKey.objects.filter(certificate_id=request.certificate_id).exists():
        words += ["prove"] if policy.can(actor, "erasure.prove", request) else []
    if state not in (S.REFUSED, S.CANCELLED) and operates:
        words.append("tell_recipient")
    if state in (S.COMPLETED, S.REFUSED) and not request.contested_at and not overdue(request):
        words += ["contest"] if policy.can(actor, "erasure.contest", request) else []
    if state in (*BEFORE_START, S.LEGAL_HOLD_BLOCKED) and not request.was_started:
        words += ["refuse"] if policy.can(actor, "erasure.refuse", request) else []
    own = actor.user is not None and request.requested_by_id == actor.user.pk and not request.was_started
    if request.is_open and policy.can(actor, "erasure.request" if own else "erasure.operate", request):
        words.append("cancel")
    return words


def where_it_stands(request: ErasureRequest) -> str:
    """One sentence for everybody."""
    if request.state == S.SCHEDULED and request.awaits_export:
        return _("Signed by two. It begins once the tenant has received its export, or that was waived.")
    if request.state == S.SCHEDULED and request.scheduled_for:
        at = {"at": f"{request.scheduled_for:%d %b %Y %H:%M}"}
        return _("Signed by two. It begins at %(at)s UTC; until then it can be undone and nothing is touched.") % at
    gone = {"gone": request.counts.get("gone", 0), "of": request.counts.get("of", 0)}
    sentences = {
        S.AWAITING_APPROVAL: _("Waits for two others to sign. Nothing has been touched."),
        S.LEGAL_HOLD_BLOCKED: _("Waits by law. It goes on by itself when nothing is retained any more."),
        S.EXECUTING: _("Being erased: %(phase)s.") % {"phase": request.get_phase_display()},
        S.VERIFYING: _("Erased; %(phase)s.") % {"phase": request.get_phase_display()},
        S.COMPLETED: _("Erased, verified and certified.") if request.is_final else _("Erased and certified in part."),
        S.FAILED: _("Stopped. %(gone)s of %(of)s records are gone, and stay gone.") % gone,
        S.NOT_CERTIFIABLE: _("It cannot be certified; what is gone stays gone."),
        S.REFUSED: _("Refused. Nothing was touched."),
        S.CANCELLED: _("Cancelled. %(gone)s of %(of)s records were gone by then, and stay gone.") % gone
        if request.was_started
        else _("Cancelled before it began. Nothing was touched."),
    }
    return sentences.get(State(request.state), "")


PHASE_LINE: tuple[tuple[Any, frozenset[str]], ...] = (
    (gettext_lazy("Ask and sign"), frozenset({S.RECEIVED, S.VALIDATED, S.LEGAL_HOLD_CHECK, S.AWAITING_APPROVAL})),
    (gettext_lazy("Undo window"), frozenset({S.SCHEDULED})),
    (gettext_lazy("Erase"), frozenset({S.EXECUTING})),
    (gettext_lazy("Verify"), frozenset({S.VERIFYING})),
    (gettext_lazy("Certified"), frozenset({S.COMPLETED})),
)


@dataclass(frozen=True)
class Step:
    label: str
    mark: str


def steps_of(request: ErasureRequest) -> list[Step]:
    """Where a request stands on its line: done, now, waits, failed, or not yet."""
    at = request.blocked_from or request.state
    if at in (S.FAILED, S.CANCELLED, S.REFUSED, S.NOT_CERTIFIABLE):
        at = S.VERIFYING if at == S.NOT_CERTIFIABLE else S.EXECUTING if request.was_started else S.RECEIVED
    here = next(number for number, (_label, states) in enumerate(PHASE_LINE) if at in states)
    waiting = request.state in (*BEFORE_START, S.LEGAL_HOLD_BLOCKED)
    mark = "waits" if waiting else "now" if request.state in RUNNING else "failed"
    mark = "done" if request.state == S.COMPLETED else mark
    return [
        Step(str(label), "done" if number < here else mark if number == here else "")
        for number, (label, _states) in enumerate(PHASE_LINE)
    ]


def is_late(request: ErasureRequest) -> bool:
    return request.is_open and overdue(request)
