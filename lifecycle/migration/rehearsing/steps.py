"""The steps of a rehearsal. Each begins one piece of work, once, and waits for its end."""

from typing import Any

from lifecycle.migration import actions as moves
from lifecycle.migration.models import HALTED, Migration, State
from lifecycle.migration.recording import versions
from lifecycle.migration.steps.common import again
from lifecycle.models import ENDED, TenantRequest
from lifecycle.models import State as Asked
from portal.access.actor import Actor
from portal.access.models import User
from portal.audit.actions import record
from portal.jobs import actions as jobs
from portal.jobs.context import StepContext
from portal.jobs.errors import Permanent
from portal.jobs.models import Job, JobState
from portal.lib.clock import now
from tenants import actions as registry
from tenants.models import Status, Tenant

from .cloning import rehearsal_of
from .models import Rehearsal

LOOK = 2  # seconds
SYSTEM = Actor.system("rehearsal")


def provisioned(ctx: StepContext) -> dict[str, Any]:
    """Wait until people and provisioning have made the clone's tenant."""
    request = TenantRequest.objects.get(pk=rehearsal_of(ctx).request_id)
    if request.state == Asked.ACTIVE:
        return {"tenant": request.name}
    if request.state in ENDED or request.state == Asked.FAILED:
        raise Permanent(f"{request.name} is {request.get_state_display()}: {request.state_reason}")
    raise again(10, f"{request.name} is {request.get_state_display()}.")


def cloned(ctx: StepContext) -> dict[str, Any]:
    """Have the clone filled."""
    found = rehearsal_of(ctx)
    if found.clone_job_id is None:
        with ctx.fenced():
            clone, params = Tenant.objects.get(pk=found.clone_id), {"rehearsal_id": str(found.pk)}
            about = {"subject": clone, "title": f"Clone {found.tenant.name}", "reason": str(found)}
            found.clone_job_id = jobs.start_job("migration.clone", actor=ctx.actor, params=params, **about).pk
            found.save(update_fields=["clone_job_id"])
    job = Job.objects.get(pk=found.clone_job_id)
    if job.state == JobState.SUCCEEDED:
        return {"rows": found.rows, "root": found.root}
    if job.is_finished:
        raise Permanent(f"The tenant could not be cloned: {job.error}")
    raise again(LOOK, "The clone is being filled.")


def moved(ctx: StepContext) -> dict[str, Any]:
    """Move the clone as the tenant would be. On the way its mover kills itself, once."""
    found = rehearsal_of(ctx)
    if found.migration is None:
        with ctx.fenced():
            found.migration = _ask(found)
            found.save(update_fields=["migration"])
            moves.start(found.migration.pk, actor=SYSTEM, reason=str(found))
    move = found.migration
    if move.state in (*HALTED, State.ROLLED_BACK):
        raise Permanent(f"{move} is {move.get_state_display()}: {move.state_reason}")
    if move.switched_at is None or move.started_at is None:
        raise again(LOOK, f"{move} is {move.get_state_display()}.")
    took = (move.switched_at - move.started_at).total_seconds() * 1000
    with ctx.fenced():
        Rehearsal.objects.filter(pk=found.pk).update(moved_in_ms=took, pause_ms=move.pause_ms)
    return {"move": str(move), "moved_in_ms": took, "pause_ms": move.pause_ms}


def _ask(found: Rehearsal) -> Migration:
    person = Actor.of_user(User.objects.get(pk=found.requested_by))
    why = f"{found}: rehearses the move of {found.tenant.name}."
    return moves.request(found.clone_id, found.target, actor=person, reason=why, is_rehearsal=True)


def taken_back(ctx: StepContext) -> dict[str, Any]:
    """Roll the clone's move back, and measure how long that takes from the asking."""
    found = rehearsal_of(ctx)
    move = found.migration
    assert move is not None
    if "asked_at" not in ctx.step.evidence:
        with ctx.fenced():
            moves.roll_back(move.pk, actor=SYSTEM, reason=f"{found}: the drill.")
            ctx.note(asked_at=now().timestamp())
    if move.state != State.ROLLED_BACK or move.ended_at is None:
        if Job.objects.filter(pk=move.rollback_job_id, state=JobState.FAILED).exists():
            raise Permanent(f"The clone could not be taken back: {move.state_reason}")
        raise again(LOOK, "The clone is being taken back.")
    took = (move.ended_at.timestamp() - float(ctx.step.evidence["asked_at"])) * 1000
    with ctx.fenced():
        Rehearsal.objects.filter(pk=found.pk).update(rollback_ms=took)
    return {"rollback_ms": took}


def conclude(ctx: StepContext) -> dict[str, Any]:
    """Say that it passed, and suspend the clone: it holds real data, and only an erasure may remove it."""
    found = rehearsal_of(ctx)
    if not found.killed_at_step:
        raise Permanent(f"The mover was to be killed at {found.kill_at}, and was not.")
    if versions()["engine"] != found.engine:
        raise Permanent("The engine was replaced while it was rehearsed.")
    with ctx.fenced():
        found.ok, found.at = True, now()
        found.findings = "It came there, through the death of its mover, and back. The clone stays, suspended."
        found.save(update_fields=["ok", "at", "findings"])
        if Tenant.objects.filter(pk=found.clone_id, status=Status.ACTIVE).exists():
            registry.suspend(found.clone_id, actor=SYSTEM, reason=f"{found} is over; nothing can erase the clone yet.")
        figures = {"moved_in_ms": found.moved_in_ms, "rollback_ms": found.rollback_ms, "engine": found.engine}
        record("rehearsal.passed", found, actor=ctx.actor, data={**figures, "killed_at": found.killed_at_step})
    return {"ok": True}


def job_ended(payload: dict[str, Any]) -> None:
    """A rehearsal whose job failed or was cancelled has not passed, and says why. Its clone stays as it is."""
    if payload["subject_type"] != Rehearsal._meta.label_lower:
        return
    found = Rehearsal.objects.select_for_update().filter(pk=payload["subject_id"], ok=None).first()
    if found is not None:
        found.ok, found.at, found.findings = False, now(), (payload["error"] or "It was cancelled.")[:1000]
        found.save(update_fields=["ok", "at", "findings"])
        record("rehearsal.failed", found, actor=SYSTEM, reason=found.findings)
