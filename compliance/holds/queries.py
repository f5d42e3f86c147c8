"""Whether a tenant is held, at which version, and what an actor may read and do."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Exists, OuterRef, QuerySet

from compliance.erasing.models import Obligation, Owed
from portal.access import policy
from portal.access.actor import Actor
from portal.lib.composed import composed

from .models import STANDING, Custodian, Hold, HoldVersion, State


@dataclass(frozen=True)
class Stands:
    """What the portal says of a tenant, in one row: held or not, and the version at which it said so."""

    is_held: bool
    version: int


def stands(tenant_id: UUID) -> Stands:
    """Where the tenant stands. One statement, so that state and version belong together."""
    held = Exists(Hold.objects.filter(tenant_id=OuterRef("tenant_id"), state__in=STANDING))
    row = HoldVersion.objects.filter(tenant_id=tenant_id).annotate(held=held).values_list("held", "value").first()
    return Stands(*row) if row else Stands(False, 0)


def is_held(tenant_id: UUID) -> bool:
    return bool(_standing(tenant_id))


@composed
def _standing(tenant_id: UUID) -> QuerySet[Hold, UUID]:
    return Hold.objects.filter(tenant_id=tenant_id, state__in=STANDING).order_by().values_list("pk", flat=True)[:1]


def keeps_something(tenant_id: UUID) -> bool:
    """Whether a law keeps a part of it still, though it be deleted: that can be held as well."""
    return kept_in_part().filter(request__tenant=tenant_id).exists()


def kept_in_part() -> QuerySet[Obligation]:
    """What erasures owe of parts that a law keeps, or kept until its day."""
    return Obligation.objects.exclude(part="").exclude(state=Owed.LAPSED)


def may_read(hold: Hold, actor: Actor) -> bool:
    """Whether the actor may read matter, case, kind and scope."""
    return policy.can(actor, "hold.matter", hold)


def custody_of(hold: Hold, actor: Actor) -> Custodian | None:
    """The actor's own entry among the custodians, unless it is acknowledged."""
    if actor.user is None:
        return None
    return Custodian.objects.filter(hold=hold, person=actor.user, acknowledged_at=None).first()


def available_verbs(hold: Hold, actor: Actor, custodians: list[Any]) -> list[str]:
    """Words the actor may use on the hold now."""
    words = []
    mine = [one for one in custodians if actor.user and one.person_id == actor.user.pk and not one.acknowledged_at]
    if mine and hold.is_standing:
        words.append("acknowledge")
    if hold.state in (State.PLACING, State.ACTIVE) and policy.can(actor, "hold.release", hold):
        asked_by = hold.release_asked_by_id
        if asked_by is None:
            words.append("ask_release")
        else:
            words += ["confirm_release"] if actor.user and actor.user.pk != asked_by else []
            words.append("withdraw_release")
    open_ones = [one for one in custodians if not one.acknowledged_at]
    if hold.is_standing and open_ones and policy.can(actor, "hold.remind", hold):
        words.append("remind")
    return words
