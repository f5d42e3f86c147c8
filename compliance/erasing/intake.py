"""How a request comes in: who may ask for what, its preview, and its way to the two signatures.

An identifier is looked up and forgotten: the request keeps a keyed digest, SubjectKey the platform's id while it is
open. Nothing that is typed may name a person.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from bailiwick_proof.canonical import digest
from django.db import connection
from django.db.models import Max, Q, QuerySet

from compliance.holds.queries import is_held
from portal.access import policy
from portal.access.actor import Actor
from portal.access.models import User
from portal.audit.actions import record
from portal.audit.context import action
from portal.lib.clock import now
from portal.lib.errors import Absent, Conflict, Invalid, NotAllowed
from tenants.models import Status, Tenant

from . import pseudonyms, scope
from .approval import open_case
from .models import (
    Basis,
    ErasureRequest,
    Exemption,
    Identity,
    Kind,
    Obligation,
    RunState,
    State,
    SubjectKey,
    SystemRun,
)
from .moving import move, tell
from .rules import Kept, kept_of
from .scope import Subject
from .statutory import due_on, today

MOST_DOCUMENTS = 1000
ADDRESS = re.compile(r"[^\s@<>]+@[^\s@<>]+")
BASES = {
    Kind.TENANT: {Basis.GDPR_28, Basis.CONTRACT},
    Kind.PERSON: {Basis.GDPR_17, Basis.CCPA, Basis.DPDP, Basis.CONTRACT},
    Kind.DOCUMENT: set(Basis) - {Basis.SYNTHETIC},
}


@dataclass(frozen=True)
class Asker:
    """In whose name a request is entered, and in which capacity that one asks."""

    user: User
    authority: str


HAS_DATA = (Status.ACTIVE, Status.SUSPENDED, Status.ARCHIVED)


def preview(
    tenant_id: UUID,
    *,
    actor: Actor,
    kind: str,
    legal_basis: str,
    email: str = "",
    user_id: UUID | None = None,
    documents: Sequence[UUID] = (),
) -> dict[str, Any]:
    """The blast radius: what each system holds of it now, what a law keeps, and by when it is owed. Stores nothing."""
    tenant = askable(tenant_id, kind, actor)
    subject = subject_of(tenant, kind, legal_basis, email, user_id, documents)
    return {name: said for name, said in _previewed(subject, legal_basis).items() if name != "inventory"}


def _previewed(subject: Subject, legal_basis: str) -> dict[str, Any]:
    snapshot = scope.snapshot_of(subject.tenant)
    kept = kept_of(subject.tenant, snapshot.systems, in_part=legal_basis != Basis.SYNTHETIC)
    apart = replace(subject, kept=tuple((one.system, one.part) for one in kept if one.part))
    answers = scope.look(apart, snapshot.systems)
    rows = []
    for one in snapshot.systems:
        found, why = scope.seen(answers, one)
        rows.append({**one.as_json(), "found": found, "why": why, "kept": scope.kept_apart(answers, one)})
    whom = pseudonyms.about(subject.tenant.pk, subject.kind, subject.user_id, subject.documents)
    duplicate = _open_one(whom)
    return {
        "tenant": subject.tenant.name,
        "kind": subject.kind,
        "systems": rows,
        "exemptions": [_kept(one) for one in kept],
        "due_on": due_on(legal_basis, now()).isoformat(),
        "gone_before": gone_before(subject.tenant, subject.kind),
        "is_retained": is_held(subject.tenant.pk),
        "open_request": str(duplicate) if duplicate else None,
        "inventory_version": snapshot.version,
        "inventory_digest": snapshot.digest,
        "inventory": snapshot.plain,
    }


def _kept(one: Kept) -> dict[str, str]:
    said = {"rule": one.rule, "system": one.system, "category": one.category, "ground": one.ground, "part": one.part}
    return {**said, "until": one.until.isoformat()}


def askable(tenant_id: UUID, kind: str, actor: Actor) -> Tenant:
    """The tenant, if the actor may ask for an erasure of this kind in it."""
    tenant = Tenant.objects.visible_to(actor).select_related("business_unit").filter(pk=tenant_id).first()
    if tenant is None:
        raise Absent("There is no such tenant.")
    policy.require(actor, "erasure.request", tenant)
    if actor.user is None:
        raise NotAllowed("An erasure is asked for by a person.")
    if kind == Kind.TENANT and not (is_compliance(actor, tenant) or actor.user.pk == tenant.owner_id):
        raise NotAllowed("Only its owner or compliance asks for the erasure of a whole tenant.", code="not-owner")
    is_rest = kind == Kind.TENANT and Tenant.objects.filter(half_erased(), pk=tenant.pk).exists()
    if tenant.status not in HAS_DATA and not is_rest:
        raise Conflict(f"The tenant is {tenant.get_status_display()}.", code="wrong-state")
    return tenant


def half_erased() -> Q:
    """Tenants of which a cancelled erasure has left the rest: nothing but another one takes them out of that status."""
    return Q(status=Status.ERASING, pk__in=_called_off().values("tenant"))


def _called_off() -> QuerySet[ErasureRequest]:
    """Erasures of a whole tenant that were cancelled after they had begun."""
    rows = ErasureRequest.objects.filter(kind=Kind.TENANT, state=State.CANCELLED)
    return rows.exclude(started_at=None).order_by("number")


def gone_before(tenant: Tenant, kind: str) -> list[dict[str, Any]]:
    """What earlier erasures of all of it had removed when they were cancelled: the next one finds the rest."""
    if kind != Kind.TENANT:
        return []
    return [{"erasure": str(one), **one.counts} for one in _called_off().filter(tenant=tenant) if one.counts]


def is_compliance(actor: Actor, tenant: Tenant) -> bool:
    return policy.can(actor, "erasure.operate", tenant)


def subject_of(
    tenant: Tenant, kind: str, legal_basis: str, email: str, user_id: UUID | None, documents: Sequence[UUID]
) -> Subject:
    """Whom it is about, of exactly what the kind asks for."""
    if kind not in Kind.values or legal_basis not in Basis.values:
        raise Invalid(fields={"kind" if kind not in Kind.values else "legal_basis": "not known"})
    if legal_basis not in BASES[Kind(kind)]:
        raise Invalid(fields={"legal_basis": f"does not give a right to erase {Kind(kind).label}"})
    given = {"email": bool(email.strip()), "user_id": user_id is not None, "document_ids": bool(documents)}
    allowed = {Kind.TENANT: set(), Kind.PERSON: {"email", "user_id"}, Kind.DOCUMENT: {"document_ids"}}[Kind(kind)]
    wrong = {
        name: f"not for {Kind(kind).label}" for name, is_there in given.items() if is_there and name not in allowed
    }
    if wrong:
        raise Invalid(fields=wrong)
    named = [name for name in given if given[name]]
    if allowed and len(named) != 1:
        raise Invalid(fields=dict.fromkeys(sorted(allowed), "one of these" if len(allowed) > 1 else "name them"))
    if len(documents) > MOST_DOCUMENTS:
        raise Invalid(fields={"document_ids": f"{MOST_DOCUMENTS} at most"})
    who = scope.person_named(tenant, email.strip()) if email.strip() else user_id
    words = {"email": "email", "user_id": "user_id", "document_ids": "document_id"}
    return Subject(tenant, kind, who, tuple(sorted(set(documents))), tuple(words[one] for one in named) or ("tenant",))


def request(
    tenant_id: UUID,
    *,
    actor: Actor,
    reason: str,
    kind: str,
    legal_basis: str,
    identity: str,
    email: str = "",
    user_id: UUID | None = None,
    documents: Sequence[UUID] = (),
) -> ErasureRequest:
    """Receive a request, validate it, and bring it to its signatures, or to rest while a hold stands.

    `reason` is why it is asked for; it is kept, and may name nobody. The same subject again is refused while one is
    open (409, naming that one).
    """
    words = justification(reason, email, *(str(one) for one in (user_id, *documents) if one))
    if identity not in Identity.values or identity == Identity.SYNTHETIC:
        raise Invalid(fields={"identity": "say how it was checked"})
    tenant = askable(tenant_id, kind, actor)
    subject = subject_of(tenant, kind, legal_basis, email, user_id, documents)
    shown = _previewed(subject, legal_basis)
    assert actor.user is not None  # `askable` has seen to that
    asker = Asker(actor.user, _capacity(actor, tenant))
    return _receive(subject, shown, asker, actor=actor, reason=words, legal_basis=legal_basis, identity=identity)


def request_synthetic(tenant_id: UUID, user_id: UUID, asker: User, *, actor: Actor, reason: str) -> ErasureRequest:
    """Receive what software asks for a made-up person of a sandbox; from here on it is a request like any other.

    The database refuses it in every tenant that is no sandbox. `asker` is the service account that it is entered for.
    Asked for again while it is open, it is the same.
    """
    if actor.user is not None:
        raise NotAllowed("A person asks for the erasure of somebody there is.")
    tenant = Tenant.objects.select_related("business_unit").get(pk=tenant_id)
    if tenant.status != Status.ACTIVE:
        raise Conflict(f"The sandbox is {tenant.get_status_display()}.", code="wrong-state")
    subject = Subject(tenant, Kind.PERSON, user_id, (), ("user_id",))
    if (same := _open_one(pseudonyms.about(tenant.pk, subject.kind, user_id, ()))) is not None:
        return same
    basis, identity = Basis.SYNTHETIC, Identity.SYNTHETIC
    shown, by = _previewed(subject, basis), Asker(asker, "software, for nobody")
    return _receive(subject, shown, by, actor=actor, reason=reason, legal_basis=basis, identity=identity)


def request_part(
    owed: Obligation, subject: Subject, shown: dict[str, Any], *, actor: Actor, reason: str
) -> ErasureRequest:
    """Receive what is owed of a part that a law kept; from here on it is a request like any other."""
    assert actor.user is not None  # whoever calls has seen to that
    was, by = owed.request, Asker(actor.user, _capacity(actor, owed.request.tenant))
    basis, identity = was.legal_basis, was.identity
    return _receive(subject, shown, by, actor=actor, reason=reason, legal_basis=basis, identity=identity, settles=owed)


def justification(text: str, *identifiers: str) -> str:
    """The text without the blanks around it; Invalid where it says nothing, or names somebody."""
    said = text.strip()
    if not said:
        raise Invalid(fields={"reason": "say why; it is kept in the record"})
    named = any(_spelt(one).search(said) for one in identifiers if one.strip())
    if named or ADDRESS.search(said):
        raise Invalid(fields={"reason": "it is kept for good: do not name the person in it"})
    return said


def _spelt(identifier: str) -> re.Pattern[str]:
    """An id or address as people write it: asha.rao@… also as Asha Rao, an id also without its dashes.

    Of an address with one word before its sign only the whole of it, which no reason may hold anyway.
    """
    parts = [re.escape(one) for one in re.split(r"[\W_]+", identifier.partition("@")[0]) if one]
    between = r"[\W_]*".join(parts) if len(parts) > 1 else re.escape(identifier)
    return re.compile(rf"(?<!\w){between}(?!\w)", re.IGNORECASE)


@action
def _receive(
    subject: Subject,
    shown: dict[str, Any],
    asker: Asker,
    *,
    actor: Actor,
    reason: str,
    legal_basis: str,
    identity: str,
    settles: Obligation | None = None,
) -> ErasureRequest:
    tenant = (
        Tenant.objects.select_for_update(of=("self",), no_key=True)
        .select_related("business_unit")
        .get(pk=subject.tenant.pk)
    )
    whom = pseudonyms.about(tenant.pk, subject.kind, subject.user_id, subject.documents)
    if (same := _open_one(whom)) is not None:
        raise Conflict(f"{same} asks for the same and is open.", code="erasure-open", open=str(same))
    key, at = pseudonyms.new_key(), now()
    made = ErasureRequest(
        number=_next_number(),
        tenant=tenant,
        kind=subject.kind,
        legal_basis=legal_basis,
        justification=reason,
        subject=pseudonyms.subject_of(key, whom),
        identifiers=list(subject.identifiers),
        documents=len(subject.documents),
        identity=identity,
        authority=asker.authority,
        requested_by=asker.user,
        received_at=at,
        due_on=due_on(legal_basis, at),
        gone_before=gone_before(tenant, subject.kind),
        settles=settles,
        **(_returned_before(settles.request) if settles else {}),
    )
    made.save(force_insert=True)
    SubjectKey.objects.create(
        request=made, key=key, fence=pseudonyms.fence_of(whom), user_id=subject.user_id,
        document_ids=list(subject.documents),
    )  # fmt: skip
    record("erasure.received", made, actor=actor, reason=reason, data={"kind": made.kind, "basis": legal_basis})
    tell(made, "", "receive", actor=actor, reason=reason)
    _validate(made, shown, actor)
    bring_to_signatures(made, actor=actor)
    return made


def _returned_before(was: ErasureRequest) -> dict[str, Any]:
    """How the tenant got its data back when all of it was erased; what a law kept was among them."""
    names = ("export_settled", "export_settled_how", "export_settled_by", "export_settled_at")
    return {name: getattr(was, name) for name in names}


def _capacity(actor: Actor, tenant: Tenant) -> str:
    if is_compliance(actor, tenant):
        return "compliance"
    assert actor.user is not None
    return "owner" if actor.user.pk == tenant.owner_id else "tenant administrator"


def _open_one(whom: str) -> ErasureRequest | None:
    fence = pseudonyms.fence_of(whom)
    return ErasureRequest.objects.filter(key__fence=fence).first()


def _next_number() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended('erasure.number', 0))")
    return int(ErasureRequest.objects.aggregate(last=Max("number"))["last"] or 0) + 1


def _validate(made: ErasureRequest, shown: dict[str, Any], actor: Actor) -> None:
    """Fix what it is held against: the inventory as it stands, a row for each system, and what a law keeps."""
    made.inventory_version, made.inventory_digest = shown["inventory_version"], shown["inventory_digest"]
    made.inventory = shown["inventory"]
    for one in shown["systems"]:
        system, region = SystemRun.place(one["name"], one["region"])
        SystemRun.objects.create(
            request=made, system=system, region=region, title=one["title"], found=one["found"], why=one["why"],
            kept=sum(one["kept"].values()) if one["kept"] else None, state=RunState.WAITING,
        )  # fmt: skip
    for kept in shown["exemptions"]:
        Exemption.objects.create(request=made, **kept)
    made.digest = digest_of(made)
    move(made, "validate", actor=actor, data={"digest": made.digest, "inventory": made.inventory_digest})


def digest_of(made: ErasureRequest) -> str:
    """What a signature binds: whom, why, under which law, and which stores."""
    kept = [[one.rule, one.system, one.category, one.until, one.part] for one in made.exemptions.order_by("id")]
    return digest(
        {
            "request": str(made.pk),
            "tenant": str(made.tenant_id),
            "kind": made.kind,
            "subject": made.subject,
            "legal_basis": made.legal_basis,
            "justification": made.justification,
            "inventory": made.inventory_digest,
            "exemptions": [[*one[:3], str(one[3]), *filter(None, one[4:])] for one in kept],
            **({"settles": [str(made.settles.pk), made.settles.system, made.settles.part]} if made.settles else {}),
        }
    )


def bring_to_signatures(made: ErasureRequest, *, actor: Actor) -> None:
    """From validated, or from the hold check, to its approval case; while a hold stands it waits instead."""
    if made.state != "legal_hold_check":
        move(made, "check_holds", actor=actor)
    if is_held(made.tenant_id):
        move(made, "block", actor=actor, reason="What it concerns is retained under law.")
        return
    made.case_id = open_case(made, actor=actor).pk
    move(made, "ask_approval", actor=actor)


def overdue(made: ErasureRequest) -> bool:
    return today(made.legal_basis, now()) > made.due_on
