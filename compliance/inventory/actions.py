"""What people do with the inventory: list a store, remove one by two, keep a processor's word, settle a finding."""

from collections.abc import Sequence
from datetime import date
from hashlib import sha256
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import connection

from compliance.verifiers import VERIFIERS
from portal.access import policy
from portal.access.actor import Actor
from portal.audit.actions import record
from portal.audit.context import action
from portal.lib.clock import now
from portal.lib.errors import Absent, Conflict, Invalid, NotAllowed
from tenants.actions import user_named

from .models import Attestation, Finding, InventoryVersion, Kind, State, System
from .queries import digest_of


@action
def add(
    *,
    actor: Actor,
    reason: str,
    name: str,
    title: str,
    kind: str,
    processor: str,
    region: str = "",
    categories: Sequence[str] = (),
    connector: str = "",
    verifier: str = "",
    owner: str = "",
    expires_on: date | None = None,
    containers: dict[str, Any] | None = None,
) -> System:
    """List a store of record: from now on no certificate leaves it out."""
    policy.require(actor, "system.edit")
    _need_reason(reason)
    if kind == Kind.CONNECTED and verifier not in VERIFIERS:
        raise Invalid(fields={"verifier": f"one of {', '.join(VERIFIERS)}; without one its word is attested or dated"})
    system = System(
        name=name.strip(),
        title=title.strip(),
        kind=kind,
        processor=processor.strip(),
        region=region.strip(),
        categories=list(dict.fromkeys(categories)),
        connector=connector.strip(),
        verifier=verifier.strip(),
        owner=user_named(owner, "owner") if owner else None,
        expires_on=expires_on,
        containers=_containers(containers or {}),
        added_by=actor.id,
    )
    _save_new(system)
    record("system.added", system, actor=actor, reason=reason)
    next_version()
    return system


def _save_new(row: System | Attestation) -> None:
    try:
        row.full_clean(exclude=["id"])
    except ValidationError as error:
        said = {name: " ".join(texts) for name, texts in error.message_dict.items()}
        if "__all__" in said:
            said = {"kind": "a connected system needs region, connector and verifier; an expiring one its day"}
        raise Invalid(fields=said) from error
    row.save(force_insert=True)


def _containers(given: dict[str, Any]) -> dict[str, list[str]]:
    kinds = {word for word, _ in Finding._meta.get_field("kind").choices or []} - {Finding.UNSEARCHED}
    for kind, names in given.items():
        if kind not in kinds or not isinstance(names, list) or not all(isinstance(one, str) and one for one in names):
            raise Invalid(fields={"containers": f"lists of names under {', '.join(sorted(kinds))}"})
    return {kind: sorted(set(names)) for kind, names in given.items()}


@action
def ask_removal(system_id: UUID, *, actor: Actor, reason: str) -> System:
    """Say that a store holds nobody's data any more. Nothing changes before another person has confirmed it."""
    system = _to_remove(system_id, actor, reason)
    if system.removal_asked_by_id is not None:
        raise Conflict("Its removal has been asked for; another person confirms it.", code="asked-already")
    system.removal_asked_by, system.removal_asked_at = actor.user, now()
    system.removal_reason = reason.strip()
    system.save()
    record("system.removal_asked", system, actor=actor, reason=reason)
    return system


@action
def withdraw_removal(system_id: UUID, *, actor: Actor, reason: str) -> System:
    """Keep the system listed after all."""
    system = _to_remove(system_id, actor, reason)
    if system.removal_asked_by_id is None:
        raise Conflict("Nobody has asked for its removal.", code="wrong-state")
    system.removal_asked_by = system.removal_asked_at = None
    system.removal_reason = ""
    system.save()
    record("system.removal_withdrawn", system, actor=actor, reason=reason)
    return system


@action
def confirm_removal(system_id: UUID, *, actor: Actor, reason: str) -> System:
    """Take the system off the list, as another person asked; certificates name it from then on."""
    system = _to_remove(system_id, actor, reason)
    if system.removal_asked_by_id is None:
        raise Conflict("Nobody has asked for its removal.", code="wrong-state")
    assert actor.user is not None
    if system.removal_asked_by_id == actor.user.pk:
        raise NotAllowed("Who asked for the removal does not confirm it.", code="same-person")
    system.state, system.removed_at, system.removal_confirmed_by = State.REMOVED, now(), actor.user
    system.save()
    record("system.removed", system, actor=actor, reason=reason, data={"asked_by": system.removal_asked_by_id})
    next_version()
    return system


def _to_remove(system_id: UUID, actor: Actor, reason: str) -> System:
    system = locked(system_id)
    policy.require(actor, "system.edit", system)
    _need_reason(reason)
    if actor.user is None:
        raise NotAllowed("A system is removed by two persons.")
    if not system.is_listed:
        raise Conflict("The system is removed.", code="wrong-state")
    return system


@action
def attest(
    system_id: UUID,
    *,
    actor: Actor,
    reason: str,
    signed_by: str,
    expires_on: date,
    statement: str = "",
    digest: str = "",
) -> Attestation:
    """Keep what the processor has signed: the statement's text, or the SHA-256 of a document kept elsewhere."""
    system = locked(system_id)
    policy.require(actor, "system.edit", system)
    _need_reason(reason)
    if actor.user is None:
        raise NotAllowed("A statement is taken in by a person.")
    if not system.is_listed or system.kind != Kind.ATTESTED:
        raise Conflict("Only a listed system that its processor attests takes a statement.", code="wrong-state")
    if bool(statement.strip()) == bool(digest):
        raise Invalid(fields={"statement": "either the text, or the SHA-256 of the document"})
    if expires_on <= now().date():
        raise Invalid(fields={"expires_on": "in the future"})
    own = sha256(statement.encode()).hexdigest() if statement.strip() else digest
    said = {"statement": statement, "digest": own, "signed_by": signed_by.strip(), "expires_on": expires_on}
    made = Attestation(system=system, added_by=actor.user, **said)
    _save_new(made)
    record("system.attested", system, actor=actor, reason=reason, data={"digest": own, "until": expires_on})
    return made


@action
def list_finding(finding_id: UUID, *, actor: Actor, reason: str, system: str) -> Finding:
    """Say to which system something belongs that was found: its verifier has looked there all along."""
    finding = Finding.objects.select_for_update().filter(pk=finding_id).first()
    if finding is None:
        raise Absent("There is no such finding.")
    policy.require(actor, "system.edit", finding)
    _need_reason(reason)
    if finding.resolved_at or finding.kind == Finding.UNSEARCHED:
        raise Conflict("Only something found, and not settled yet, can be listed.", code="wrong-state")
    row = System.objects.select_for_update().filter(name=system, state=State.ACTIVE, region=finding.region).first()
    if row is None:
        raise Invalid(fields={"system": f"a listed system of {finding.region}"})
    row.containers = {**row.containers, finding.kind: sorted({*row.containers.get(finding.kind, []), finding.what})}
    row.save()
    finding.resolved_at, finding.resolution = now(), f"listed under {row.name}"
    finding.save()
    record("system_finding.listed", finding, actor=actor, reason=reason, data={"system": row.name})
    next_version()
    return finding


def next_version() -> InventoryVersion:
    """Number the inventory as it stands now. Inside the transaction of the change; one at a time."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended('inventory.version', 0))")
    last = InventoryVersion.objects.order_by("-number").values_list("number", flat=True).first() or 0
    rows = list(System.objects.filter(state=State.ACTIVE))
    return InventoryVersion.objects.create(number=last + 1, digest=digest_of(rows), systems=len(rows))


def locked(system_id: UUID) -> System:
    found = System.objects.select_for_update(of=("self",), no_key=True).filter(pk=system_id).first()
    if found is None:
        raise Absent("There is no such system.")
    return found


def _need_reason(reason: str) -> None:
    if not reason.strip():
        raise Invalid(fields={"reason": "say why; it is kept in the record"})
