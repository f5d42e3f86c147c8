"""What people do with a hold: place it, ask for its release and confirm that, acknowledge it, remind."""

from collections.abc import Sequence
from datetime import date
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import connection
from django.db.models import Max
from django.utils.crypto import salted_hmac
from django_fsm import TransitionNotAllowed

from portal.access import policy
from portal.access.actor import Actor
from portal.access.models import User
from portal.audit.actions import intend, record
from portal.audit.context import action, action_of
from portal.audit.queries import is_anchored
from portal.jobs.outbox import emit
from portal.lib.clock import now
from portal.lib.errors import Absent, Blocked, Conflict, Invalid, NotAllowed
from tenants.actions import user_named
from tenants.models import Status, Tenant

from .models import Custodian, Hold, HoldVersion, State
from .queries import custody_of, keeps_something

SYSTEM = Actor.system("holds")


def pseudonym(tenant_id: UUID, identifier: str) -> str:
    """The keyed name under which a person is known here; the identifier itself is never kept."""
    said = f"{tenant_id}:{identifier.strip().casefold()}"
    return salted_hmac("compliance.holds.subject", said, algorithm="sha256").hexdigest()


@action
def place(
    tenant_id: UUID,
    *,
    actor: Actor,
    reason: str,
    kind: str,
    matter: str,
    case_ref: str = "",
    subject: str = "",
    system: str = "",
    category: str = "",
    from_on: date | None = None,
    until_on: date | None = None,
    review_on: date | None = None,
    custodians: Sequence[str] = (),
) -> Hold:
    """Keep everything of the tenant from now on: the portal at this commit, each store once it has answered."""
    tenant = _held_row(tenant_id, actor)
    people = [user_named(name, "custodians") for name in dict.fromkeys(custodians)]
    _need_reason(reason)
    hold = Hold(
        number=_next_number(),
        tenant=tenant,
        kind=kind,
        matter=matter.strip(),
        case_ref=case_ref.strip(),
        reason=reason.strip(),
        subject=pseudonym(tenant.pk, subject) if subject.strip() else "",
        system=system.strip(),
        category=category.strip(),
        from_on=from_on,
        until_on=until_on,
        review_on=review_on,
        placed_by=actor.user,
        version=HoldVersion.next(tenant.pk),
    )
    _save_new(hold)
    for person in people:
        Custodian.objects.create(hold=hold, person=person)
    record("hold.placed", hold, actor=actor, reason=reason, data={"version": hold.version})
    _tell(hold, "placed")
    emit("hold.fence", {"tenant_id": str(tenant.pk), "hold_id": str(hold.pk)})
    return hold


def _held_row(tenant_id: UUID, actor: Actor) -> Tenant:
    """The tenant under its row lock: what destroys takes it too, so one of the two comes first."""
    if not Tenant.objects.visible_to(actor).filter(pk=tenant_id).exists():
        raise Absent("There is no such tenant.")
    tenant = Tenant.objects.select_for_update(of=("self",), no_key=True).get(pk=tenant_id)
    policy.require(actor, "hold.place", tenant)
    if actor.user is None:
        raise NotAllowed("A hold is placed by a person.")
    if tenant.status == Status.DELETED and not keeps_something(tenant.pk):
        raise Conflict("The tenant is deleted: nothing is left that could be kept.", code="wrong-state")
    return tenant


def _next_number() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended('hold.number', 0))")
    return int(Hold.objects.aggregate(last=Max("number"))["last"] or 0) + 1


def _save_new(hold: Hold) -> None:
    try:
        hold.full_clean(exclude=["state"])
    except ValidationError as error:
        said = {name: " ".join(texts) for name, texts in error.message_dict.items()}
        if "__all__" in said:
            said = {"until_on": "not before the start"}
        raise Invalid(fields=said) from error
    hold.save(force_insert=True)


@action
def ask_release(hold_id: UUID, *, actor: Actor, reason: str) -> Hold:
    """Say that the hold may end. Nothing changes before another person has confirmed it."""
    hold = _to_release(hold_id, actor, reason)
    if hold.release_asked_by_id is not None:
        raise Conflict("Its release has been asked for; another person confirms it.", code="asked-already")
    hold.release_asked_by, hold.release_asked_at, hold.release_reason = actor.user, now(), reason.strip()
    hold.save()
    record("hold.release_asked", hold, actor=actor, reason=reason)
    _tell(hold, "release_asked")
    return hold


@action
def withdraw_release(hold_id: UUID, *, actor: Actor, reason: str) -> Hold:
    """Say that the hold stays after all."""
    hold = _to_release(hold_id, actor, reason)
    if hold.release_asked_by_id is None:
        raise Conflict("Nobody has asked for its release.", code="wrong-state")
    hold.release_asked_by = hold.release_asked_at = None
    hold.save()
    record("hold.release_withdrawn", hold, actor=actor, reason=reason)
    return hold


@action
def confirm_release(hold_id: UUID, *, actor: Actor, reason: str) -> Hold:
    """Confirm what another person asked for. It takes effect once this is sealed in the ledger."""
    hold = _to_release(hold_id, actor, reason)
    if hold.release_asked_by_id is None:
        raise Conflict("Nobody has asked for its release.", code="wrong-state")
    assert actor.user is not None
    if hold.release_asked_by_id == actor.user.pk:
        raise NotAllowed("Who asked for the release does not confirm it.", code="same-person")
    hold.release_confirmed_by = actor.user
    hold.intent = intend("hold.release", hold, actor=actor, reason=reason, data={"asked_by": hold.release_asked_by_id})
    _move(hold, "confirm")
    emit("hold.release_sealed", {"hold_id": str(hold.pk)}, after=hold.intent)
    return hold


@action_of(SYSTEM)
def effect_of(hold_id: UUID) -> Hold:
    """Release what two persons have confirmed and the ledger has sealed, or keep it. Twice does nothing."""
    hold = _locked(hold_id)
    if hold.state != State.RELEASING:
        return hold
    fault = _fault(hold)
    if fault:
        _move(hold, "stay")
        record("hold.release_void", hold, actor=SYSTEM, reason=fault)
        return hold
    if hold.intent is None or not Hold.objects.filter(is_anchored(hold.intent), pk=hold.pk).exists():
        raise Blocked("The release is not sealed in the ledger yet; this takes a few seconds.", by="ledger")
    version = HoldVersion.next(hold.tenant_id)
    _move(hold, "release")
    record("hold.released", hold, actor=SYSTEM, data={"version": version})
    _tell(hold, "released")
    emit("hold.fence", {"tenant_id": str(hold.tenant_id), "hold_id": str(hold.pk)})
    return hold


def _fault(hold: Hold) -> str:
    """Why a confirmed release does not take effect, or an empty string."""
    asked, confirmed = hold.release_asked_by, hold.release_confirmed_by
    if asked is None or confirmed is None or asked.pk == confirmed.pk:
        return "It takes two persons."
    if not all(policy.can(Actor.of_user(one), "hold.release", hold) for one in (asked, confirmed)):
        return "One of the two may no longer release it."
    return ""


@action
def acknowledge(hold_id: UUID, *, actor: Actor, reason: str = "") -> Hold:
    """Say as a custodian that one keeps what is to be kept."""
    hold = _mine(hold_id, actor)
    entry = custody_of(hold, actor)
    if entry is None:
        raise Conflict("You have nothing to acknowledge here.", code="wrong-state")
    entry.acknowledged_at = now()
    entry.save()
    record("hold.acknowledged", hold, actor=actor, reason=reason)
    return hold


@action
def remind(hold_id: UUID, *, actor: Actor, reason: str) -> Hold:
    """Tell the custodians who have not acknowledged once more."""
    hold = _mine(hold_id, actor)
    policy.require(actor, "hold.remind", hold)
    waiting = list(hold.custodians.filter(acknowledged_at=None))
    if not waiting or not hold.is_standing:
        raise Conflict("Nobody has to be reminded.", code="wrong-state")
    for entry in waiting:
        entry.reminded_at = now()
        entry.save()
    record("hold.reminded", hold, actor=actor, reason=reason, data={"people": len(waiting)})
    _tell(hold, "reminded")
    return hold


def _tell(hold: Hold, word: str) -> None:
    emit("hold.changed", {"hold_id": str(hold.pk), "word": word, "at": now().isoformat()})


def _to_release(hold_id: UUID, actor: Actor, reason: str) -> Hold:
    hold = _mine(hold_id, actor)
    policy.require(actor, "hold.release", hold)
    _need_reason(reason)
    if hold.state not in (State.PLACING, State.ACTIVE):
        raise Conflict(f"The hold is {hold.get_state_display()}.", code="wrong-state")
    return hold


def _mine(hold_id: UUID, actor: Actor) -> Hold:
    if not Hold.objects.visible_to(actor).filter(pk=hold_id).exists():
        raise Absent("There is no such hold.")
    return _locked(hold_id)


def _locked(hold_id: UUID) -> Hold:
    """The hold under its row lock, its tenant's taken before: the order that placing has."""
    tenant_id = Hold.objects.values_list("tenant_id", flat=True).get(pk=hold_id)
    Tenant.objects.select_for_update(no_key=True).get(pk=tenant_id)
    rows = Hold.objects.select_for_update(of=("self",), no_key=True)
    return rows.select_related("tenant", "release_asked_by", "release_confirmed_by").get(pk=hold_id)


def _move(hold: Hold, word: str) -> None:
    try:
        getattr(hold, word)()
    except TransitionNotAllowed:
        raise Conflict(f"The hold is {hold.get_state_display()}.", code="wrong-state") from None
    hold.save()


def _need_reason(reason: str) -> None:
    if not reason.strip():
        raise Invalid(fields={"reason": "say why; it is kept in the record"})


def people_of(hold: Hold) -> list[User]:
    """Custodians who have not acknowledged yet."""
    return [one.person for one in hold.custodians.filter(acknowledged_at=None).select_related("person")]


def details_of(hold: Hold) -> list[tuple[str, Any]]:
    """What a notice may say of a hold: it also leaves for chat, so neither matter nor kind."""
    return [("Hold", str(hold)), ("Tenant", hold.tenant.name)]
