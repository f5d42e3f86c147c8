"""Begin a look, and draw the consequences: what is found revokes by itself, what could not be asked never does."""

from typing import Any
from uuid import UUID

from compliance.certificates import actions as certificates
from compliance.certificates.models import Certificate
from compliance.certificates.models import State as Standing
from compliance.erasing import actions as erasing
from compliance.erasing.models import ErasureRequest, Passage
from portal.access import policy
from portal.access.actor import Actor
from portal.audit.actions import record
from portal.audit.context import action
from portal.jobs import actions as jobs
from portal.jobs.outbox import emit
from portal.lib.clock import now
from portal.lib.errors import Absent, Conflict

from .models import Cause, Recheck, State
from .queries import KIND, RECHECKED, erasure_of

SYSTEM = Actor.system("rechecks")


@action
def begin(certificate_id: Any, *, actor: Actor, reason: str, cause: str = Cause.ASKED) -> Recheck:
    """Have every system asked again what a certificate says of it. One look at a time."""
    row = Certificate.objects.visible_to(actor) if actor.user else Certificate.objects.all()
    found = row.select_for_update(no_key=True).filter(pk=certificate_id).first()
    if found is None:
        raise Absent("There is no such certificate.")
    policy.require(actor, "certificate.recheck", found)
    if found.state != Standing.ISSUED or found.type not in RECHECKED:
        raise Conflict("Only a certificate that stands, and says that something is gone, is looked into again.")
    if erasure_of(found) is None:
        raise Conflict("No erasure of this installation belongs to it.", code="no-erasure")
    if Recheck.objects.filter(certificate=found, state=State.RUNNING).exists():
        raise Conflict("It is being looked into.", code="running")
    made = Recheck.objects.create(certificate=found, cause=cause, asked_by=actor.id)
    job = jobs.start_job(KIND, actor=SYSTEM, subject=made, title=f"Look into {found} again")
    made.job_id = job.pk
    made.save(update_fields=["job_id"])
    record("certificate.recheck_begun", made, actor=actor, reason=reason, data={"cause": cause})
    return made


@action
def conclude(recheck_id: UUID, systems: list[dict[str, Any]], *, actor: Actor) -> Recheck:
    """Keep what was said. Anything found revokes, and the erasure is opened for another go; all in one transaction."""
    made = Recheck.objects.select_for_update(of=("self",)).select_related("certificate").get(pk=recheck_id)
    if made.state != State.RUNNING:
        return made
    made.systems, made.ended_at = systems, now()
    made.state = judged(systems)
    made.save()
    found = {one["name"]: one["found"] for one in systems if one["found"]}
    record("certificate.rechecked", made, actor=actor, data={"state": made.state, "found": found})
    if made.state == State.RESIDUAL:
        _revoke(made, found, actor)
    _note_on_request(made, actor)
    emit("recheck.concluded", {"recheck_id": str(made.pk), "state": made.state})
    return made


def judged(systems: list[dict[str, Any]]) -> str:
    """Something found weighs most; a single system that could not be asked keeps all of it from being clean."""
    if any(one["found"] for one in systems):
        return State.RESIDUAL
    asked = [one for one in systems if one["is_asked"]]
    return State.CLEAN if asked and all(one["found"] == 0 for one in asked) else State.NOT_CHECKED


def _revoke(made: Recheck, found: dict[str, int], actor: Actor) -> None:
    said = f"Looked into again on {now():%Y-%m-%d}: {', '.join(f'{name} has {n}' for name, n in found.items())}."
    if made.certificate.state == Standing.ISSUED:
        certificates.revoke(made.certificate_id, actor=actor, reason=said[:500])
    request = erasure_of(made.certificate)
    if request is not None:
        erasing.found_again(request.pk, [said], actor=actor, reason=said[:500])


def _note_on_request(made: Recheck, actor: Actor) -> None:
    request = erasure_of(made.certificate)
    if request is None:
        return
    state = ErasureRequest.objects.values_list("state", flat=True).get(pk=request.pk)
    words = f"{made.certificate} was looked into again: {made.get_state_display()}."
    Passage.objects.create(request=request, old=state, new=state, reason=words, actor=actor.id)
