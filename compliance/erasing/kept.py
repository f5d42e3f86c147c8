"""What a law kept of an erasure, once its day has come: asked for as an erasure of that part alone.

Nothing goes by itself: a compliance officer asks, two others sign, and the machine of every erasure does the rest.
"""

from datetime import date
from typing import Any
from uuid import UUID

from compliance.supplements.facts import standing
from portal.access import policy
from portal.access.actor import Actor
from portal.lib.clock import now
from portal.lib.errors import Absent, Blocked, Conflict, NotAllowed

from . import recalling, rules, scope
from .intake import justification, request_part
from .models import ErasureLedger, ErasureRequest, Kind, Obligation, Owed, State
from .parts import covers
from .rules import Kept
from .scope import Subject, System


def erase_part(obligation_id: UUID, *, actor: Actor, reason: str) -> ErasureRequest:
    """Bring what is owed of a kept part to its signatures. Blocked before its day, and while any law keeps it still.

    Whom it was about nobody knows any more: the ids in what is kept are compared with the erasure ledger's digests.
    Conflict where nothing there leads to them; then somebody says that the obligation is settled.
    """
    rows = Obligation.objects.visible_to(actor).select_related("request__tenant__business_unit")
    owed = rows.filter(pk=obligation_id).first()
    if owed is None:
        raise Absent("There is no such obligation.")
    policy.require(actor, "erasure.operate", owed.request)
    if actor.user is None:
        raise NotAllowed("An erasure is asked for by a person.")
    why = justification(reason)
    _require_due(owed)
    snapshot = scope.snapshot_of(owed.request.tenant)
    one = next((one for one in snapshot.systems if one.name == owed.system), None)
    if one is None:
        raise Blocked(f"The inventory lists {owed.system} no more.", by="inventory", remedy="systems")
    beside = _kept_beside(owed, one)
    subject = _subject(owed, one, beside)
    shown = {
        "inventory_version": snapshot.version,
        "inventory_digest": snapshot.digest,
        "inventory": snapshot.plain,
        "systems": [_shown(subject, one)],
        "exemptions": beside,
    }
    return request_part(owed, subject, shown, actor=actor, reason=why)


def is_due(owed: Obligation) -> bool:
    """Whether its erasure may be asked for, as far as the day says."""
    return bool(owed.part) and owed.state != Owed.LAPSED and owed.due_on <= now().date()


def _require_due(owed: Obligation) -> None:
    if owed.state == Owed.LAPSED:
        raise Conflict("It is settled.", code="wrong-state")
    if not owed.part:
        raise Conflict("No law keeps anything here: say that it is done, and how that is known.", code="not-kept")
    if not is_due(owed):
        raise _blocked(f"A law keeps it until {owed.due_on}.")
    if owed.request.state != State.COMPLETED or standing(owed.request) is None:
        said = f"No certificate of {owed.request} stands that could be supplemented: have all of it erased again."
        raise Conflict(said, code="not-certified")


def _kept_beside(owed: Obligation, one: System) -> list[dict[str, Any]]:
    """What is left out because it is kept still, here and elsewhere; Blocked where that is all of what is owed."""
    since = owed.request.received_at.date()
    found = [_said(kept) for kept in rules.parts_kept(owed.request.tenant, one, since)] + _owed_beside(owed)
    beside: dict[tuple[str, ...], dict[str, Any]] = {}
    for kept in found:
        is_all_of_it = kept["system"] == owed.system and covers(kept["part"], owed.part)
        if is_all_of_it and _is_kept(kept["until"]):
            raise _blocked(f"{kept['rule']} keeps {kept['part']} of {owed.system} until {kept['until']}.")
        same = beside.setdefault((kept["rule"], kept["system"], kept["category"]), kept) if not is_all_of_it else kept
        if same["part"] != kept["part"]:
            raise _blocked(f"{kept['rule']} keeps {same['part']} as well as {kept['part']}: name them by two rules.")
    return list(beside.values())


def _blocked(said: str) -> Blocked:
    return Blocked(said, by="retention", remedy="retention-rules")


def _said(kept: Kept) -> dict[str, Any]:
    said = {"rule": kept.rule, "system": kept.system, "category": kept.category, "ground": kept.ground}
    return {**said, "until": kept.until, "part": kept.part}


def _owed_beside(owed: Obligation) -> list[dict[str, Any]]:
    """Parts that erasures of the same owe as well: of this one all, of another one what its day keeps."""
    rows = Obligation.objects.filter(request__tenant=owed.request.tenant_id).exclude(part="").exclude(pk=owed.pk)
    found: list[dict[str, Any]] = []
    for other in rows.exclude(state=Owed.LAPSED).select_related("request"):
        is_own = other.request_id == owed.request_id
        if is_own or (_is_kept(other.due_on) and _overlap(other.request, owed.request)):
            grounds = other.request.exemptions.filter(system=other.system, part=other.part)
            said = grounds.values("rule", "system", "category", "ground", "part")
            found += [{**one, "until": other.due_on} for one in said]
    return found


def _is_kept(until: date) -> bool:
    return until > now().date()


def _overlap(one: ErasureRequest, other: ErasureRequest) -> bool:
    """Whether two erasures in a tenant are about the same data."""
    if Kind.TENANT in (one.kind, other.kind):
        return True
    here, there = (ErasureLedger.objects.filter(request=asked).first() for asked in (one, other))
    if here is None or there is None:
        return False
    return bool(here.subject and here.subject == there.subject) or bool(set(here.documents) & set(there.documents))


def _subject(owed: Obligation, one: System, beside: list[dict[str, Any]]) -> Subject:
    was, region = owed.request, scope.region_of(one.region)
    if region is None:
        raise Blocked(f"{one.region} is not connected.", by="store")
    whom, why = recalling.whom(was, one.verifier, region)
    if whom is None:
        raise Conflict(f"Whom it was about cannot be told: {why}.", code="nobody-known")
    kept = tuple((kept["system"], kept["part"]) for kept in beside)
    return Subject(was.tenant, was.kind, whom.user_id, whom.documents, tuple(was.identifiers), kept)


def _shown(subject: Subject, one: System) -> dict[str, Any]:
    answers = scope.look(subject, (one,))
    found, why = scope.seen(answers, one)
    return {**one.as_json(), "found": found, "why": why, "kept": scope.kept_apart(answers, one)}
