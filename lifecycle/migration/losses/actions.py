"""What a person does about a green that does not answer: accept what is lost with it, knowing the number."""

from uuid import UUID

from lifecycle.migration import actions as moves
from lifecycle.migration.models import Migration
from lifecycle.migration.moving import locked
from portal.access import policy
from portal.access.actor import Actor
from portal.audit.actions import record
from portal.audit.context import action
from portal.jobs import actions as jobs
from portal.jobs.models import Job, JobState
from portal.lib.clock import now
from portal.lib.errors import Absent, Conflict, Invalid, NotAllowed

from .models import Loss, State

SYSTEM = Actor.system("migration.losses")


@action
def accept_loss(migration_id: UUID, *, actor: Actor, reason: str, writes: str) -> Loss:
    """Let blue serve the tenant without what green still has. `writes` repeats the number that was shown.

    Somebody else than who asked for the move. A worker does it, and asks green once more before: if it answers, all of
    it is brought back instead. Where it is only a store of green that is silent, the rest is brought back in any case.
    """
    if not reason.strip():
        raise Invalid(fields={"reason": "say why; it is kept in the record"})
    if not Migration.objects.visible_to(actor).filter(pk=migration_id).exists():
        raise Absent("There is no such migration.")
    migration = locked(migration_id)
    policy.require(actor, "migration.accept_loss", migration)
    if actor.user is None or actor.id == str(migration.requested_by_id):
        raise NotAllowed("Somebody else than who asked for the move accepts what it loses.", code="own-move")
    loss = Loss.objects.select_for_update().filter(migration=migration, state=State.ASKED).first()
    if loss is None:
        raise Conflict("Nobody asks to give green up.", code="wrong-state")
    if writes.strip() != loss.count:
        raise Invalid(fields={"writes": "this is not the number that the move says; look at it again"})
    loss.state, loss.accepted_by, loss.accepted_at = State.ACCEPTED, actor.user, now()
    loss.save()
    record("migration.loss_accepted", migration, actor=actor, reason=reason, data=loss.as_json())
    silent = "A store of green" if loss.stores else "Green"
    _go_back(migration, f"{silent} does not answer and is given up: {reason}")
    return loss


def _go_back(migration: Migration, reason: str) -> None:
    """Have the way back go on, or begin: it asks for the acceptance."""
    job = Job.objects.filter(pk=migration.rollback_job_id).first()
    if job is None:
        moves.roll_back(migration.pk, actor=SYSTEM, reason=reason)
    elif job.state == JobState.FAILED:
        jobs.resume_job(job.pk, actor=SYSTEM, reason=reason)
    else:
        jobs.wake(job.pk)
