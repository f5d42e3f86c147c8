"""The one way in which an erasure changes its state: transition, timeline, record and news in one transaction."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django_fsm import TransitionNotAllowed

from portal.access.actor import Actor
from portal.audit.actions import record
from portal.jobs.outbox import emit
from portal.lib.clock import now
from portal.lib.composed import composed
from portal.lib.errors import Absent, Conflict
from tenants.models import Tenant

from .models import ENDED, ErasureRequest, Passage, State, SubjectKey


def locked(request_id: UUID) -> ErasureRequest:
    """The request under its row lock, its tenant's taken before: the order that placing a hold has."""
    tenants = _its_tenant(request_id)
    if not tenants:
        raise Absent("There is no such erasure.")
    [request], [tenant] = _itself(request_id), tenants
    request.tenant = tenant
    return request


@composed
def _its_tenant(request_id: UUID) -> QuerySet[Tenant]:
    its_tenant = ErasureRequest.objects.filter(pk=request_id).values("tenant_id")
    return Tenant.objects.select_for_update(no_key=True).filter(pk__in=its_tenant).order_by()


@composed
def _itself(request_id: UUID) -> QuerySet[ErasureRequest]:
    return ErasureRequest.objects.select_for_update(no_key=True).defer("inventory").filter(pk=request_id).order_by()


def move(
    request: ErasureRequest, word: str, *, actor: Actor, reason: str = "", data: dict[str, Any] | None = None
) -> None:
    """Run one transition of a locked request and save it; Conflict where the state does not allow it."""
    old = request.state
    try:
        getattr(request, word)()
    except TransitionNotAllowed:
        raise Conflict(f"The erasure is {request.get_state_display()}.", code="wrong-state") from None
    request.state_reason = reason[:1000]
    request.save()
    if request.state in ENDED and not (request.state == State.CANCELLED and request.was_started):
        forget(request)
    tell(request, old, word, actor=actor, reason=reason)
    said = {"from": old, "to": request.state, **(data or {})}
    record(f"erasure.{word}", request, actor=actor, reason=reason, data=said)


def forget(request: ErasureRequest) -> None:
    """Destroy the key: from now on nothing here leads from the request to a person.

    One that is cancelled in the middle of its work keeps it until its stores are cleared up, a day at most.
    """
    SubjectKey.objects.filter(request=request).delete()


def tell(request: ErasureRequest, old: str, word: str, *, actor: Actor, reason: str) -> None:
    """Write the passage down and say it to who wants to know. Inside the transaction of the change."""
    Passage.objects.create(
        request=request, old=old, new=request.state, phase=request.phase, reason=reason[:1000], actor=actor.id
    )
    emit("erasure.changed", {**news_of(request), "word": word, "from": old})


def news_of(request: ErasureRequest) -> dict[str, Any]:
    """What news of a request carry: no person, no key."""
    return {
        "request_id": str(request.pk),
        "number": str(request),
        "tenant_id": str(request.tenant_id),
        "name": request.tenant.name,
        "business_unit": request.tenant.business_unit_id,
        "requested_by": str(request.requested_by_id),
        "state": str(request.state),
        "at": now().isoformat(),
    }


def tally(request: ErasureRequest) -> dict[str, Any]:
    """What is gone by now, of how many, by system: what a hold, a failure or a cancellation leaves on record."""
    found = [one for one in request.systems.all() if one.targeted]
    by = {one.name: {"gone": one.acknowledged or 0, "of": one.targeted} for one in found}
    gone, of = sum(one["gone"] for one in by.values()), sum(one["of"] for one in by.values())  # type: ignore[misc]
    return {"gone": gone, "of": of, "systems": by, "at": now().isoformat()}
