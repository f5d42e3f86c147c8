"""Draw: an act of its own in the ledger, by a person, with the reason; what it shows is read as an access."""

from typing import Any
from uuid import UUID

from compliance.erasing.models import ErasureRequest
from portal.access import policy
from portal.access.actor import Actor
from portal.audit.actions import record
from portal.audit.context import action
from portal.jobs import actions as jobs
from portal.lib.clock import now
from portal.lib.errors import Absent, Conflict, Invalid, NotAllowed

from .models import Draw, State

KIND = "erasure.draw"


@action
def begin(request_id: Any, *, actor: Actor, reason: str) -> Draw:
    """Have five ids drawn and every verifier asked for each."""
    request = ErasureRequest.objects.visible_to(actor).select_related("tenant").filter(pk=request_id).first()
    if request is None:
        raise Absent("There is no such erasure.")
    policy.require(actor, "erasure.draw", request)
    if actor.user is None:
        raise NotAllowed("A person draws.")
    if not reason.strip():
        raise Invalid(fields={"reason": "say why; it is kept in the record"})
    if not request.was_started:
        raise Conflict("It has not begun, so nothing is listed.", code="wrong-state")
    if Draw.objects.filter(request=request, state=State.RUNNING).exists():
        raise Conflict("A draw is under way.", code="running")
    made = Draw.objects.create(request=request, asked_by=actor.user)
    made.job_id = jobs.start_job(KIND, actor=actor, subject=made, title=f"{request}: draw five ids").pk
    made.save(update_fields=["job_id"])
    record("erasure.drawn", made, actor=actor, reason=reason, data={"request": str(request.pk)})
    return made


@action
def keep(draw_id: UUID, drawn: list[dict[str, Any]], *, actor: Actor) -> Draw:
    """Write the answers down, once."""
    made = Draw.objects.select_for_update(of=("self",)).select_related("request__tenant").get(pk=draw_id)
    if made.state == State.RUNNING:
        made.drawn, made.state, made.ended_at = drawn, State.DONE, now()
        made.save()
        record("erasure.draw_answered", made, actor=actor, data={"ids": len(drawn)})
    return made
