"""How a job comes into being: the row, its steps, the record, the ring."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from portal.access.actor import Actor
from portal.audit.actions import record
from portal.lib.composed import composed

from . import kinds, outbox
from .models import Job, Step


def create(kind: kinds.JobKind, *, actor: Actor, reason: str, only: set[str] | None = None, **fields: Any) -> Job:
    """Insert a queued job of `kind` with all its steps (or `only` some) in the caller's transaction."""
    job: Job = Job.objects.create(kind=kind.name, requested_by=actor.id, reason=reason, **fields)
    steps = [step for step in kind.steps if only is None or step.name in only]
    Step.objects.bulk_create(
        [
            Step(job=job, seq=seq, name=step.name, title=step.title, eta_seconds=step.eta_seconds)
            for seq, step in enumerate(steps, start=1)
        ]
    )
    record("job.start", job, actor=actor, reason=reason, data={"kind": kind.name})
    outbox.ring()
    return job


def undo(job: Job, *, actor: Actor, reason: str) -> Job | None:
    """Insert the job that undoes `job`, or return None when its kind has nothing to undo.

    A kind made from step compensations gets only those steps that had begun.
    """
    undone = None if job.compensates_id else kinds.find(job.kind)
    if undone is None or not undone.undoing:
        return None
    kind = kinds.get(undone.undoing)
    begun = None if undone.on_failed else set(job.steps.filter(attempts__gt=0).values_list("name", flat=True))
    if begun is not None and not begun & {step.name for step in kind.steps}:
        return None
    return create(
        kind,
        actor=actor,
        reason=reason,
        only=begun,
        title=kind.title or kind.name,
        tenant_id=job.tenant_id,
        business_unit=job.business_unit,
        subject_type=job.subject_type,
        subject_id=job.subject_id,
        resource_class=job.resource_class,
        params={**job.params, "failed_job": str(job.pk)},
        compensates=job,
    )


def by_id(job_id: UUID) -> Job | None:
    """Return the job locked for the rest of the transaction, without blocking rows that point to it."""
    return next(iter(_locked(job_id)), None)


@composed
def _locked(job_id: UUID) -> QuerySet[Job]:
    return Job.objects.select_for_update(no_key=True).filter(pk=job_id).order_by()
