"""The three ways a job ends. Each runs in the transaction that holds the job's row: state, lease, record, news."""

from typing import Any

from portal.access.actor import Actor
from portal.audit.actions import record
from portal.lib.clock import now

from . import creation, kinds, lease, outbox
from .models import STEP_DONE, Job, StepState

RUNNER = Actor.system("runner")


def succeeded(job: Job) -> None:
    job.succeed(now())
    _close(job, None)


def failed(job: Job, error: str) -> Job | None:
    """End the job as failed; start what undoes it unless its kind leaves that to a person."""
    job.fail(now(), error)
    heir = None
    kind = kinds.find(job.kind)
    if kind and kind.compensate == "at_once":
        heir = creation.undo(job, actor=RUNNER, reason=f"{job.title} failed")
    _close(job, heir)
    return heir


def cancelled(job: Job, error: str = "") -> Job | None:
    """End the job as cancelled and start what undoes the steps it had begun, if any had."""
    job.cancel(now(), error)
    begun = job.steps.filter(attempts__gt=0).exists()
    job.steps.exclude(state__in=(*STEP_DONE, StepState.FAILED)).update(state=StepState.CANCELLED, finished_at=now())
    heir = creation.undo(job, actor=RUNNER, reason=f"{job.title} was cancelled") if begun else None
    _close(job, heir)
    return heir


def _close(job: Job, heir: Job | None) -> None:
    job.save()
    job.wakes.all().delete()
    lease.leave_resource(job, heir)
    record(f"job.{job.state}", job, actor=RUNNER, data={"kind": job.kind, "error": job.error})
    outbox.emit(f"job.{job.state}", news(job, heir))
    outbox.ring()


def news(job: Job, heir: Job | None) -> dict[str, Any]:
    """What subscribers learn: ids, and where it stopped."""
    stopped = job.steps.exclude(state__in=STEP_DONE).first()
    return {
        "job_id": str(job.pk),
        "kind": job.kind,
        "tenant_id": str(job.tenant_id) if job.tenant_id else None,
        "subject_type": job.subject_type,
        "subject_id": job.subject_id,
        "step": stopped.name if stopped else None,
        "error": job.error,
        "compensates": str(job.compensates_id) if job.compensates_id else None,
        "compensation": str(heir.pk) if heir else None,
    }
