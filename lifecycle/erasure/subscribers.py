"""What follows from news: a due erasure begins, a certificate or a release wakes it, a failure is said."""

from typing import Any
from uuid import UUID

from compliance.erasing import running
from compliance.erasing.models import RUNNING, ErasureRequest, State
from portal.access.actor import Actor
from portal.jobs import actions as jobs
from portal.jobs.models import Job
from portal.lib.clock import now

from .engine.target import resource_of
from .jobs import CLEAR_UP, RUN, steps_for
from .subject import tell_gone

SYSTEM = Actor.system("erasure")
OCCASION = "erasure:"


def due(payload: dict[str, Any]) -> None:
    """Begin, or go on after a person has asked for another look. Told twice at once, one job begins."""
    locked = ErasureRequest.objects.select_for_update(of=("self",), no_key=True)
    row = locked.select_related("tenant").filter(pk=payload["request_id"]).first()
    if row is None or not _is_due(row):
        return
    known = _running(payload["request_id"])
    for job in known:
        jobs.wake(job.pk)
    if known:
        return
    jobs.start_job(
        RUN.name,
        actor=SYSTEM,
        subject=row,
        title=f"{row}: {row.tenant.name}",
        resource_class=resource_of(row.kind, row.pk),
        params={"request_id": str(row.pk)},
        only=steps_for(row.kind),
    )


def _is_due(row: ErasureRequest) -> bool:
    if row.state == State.SCHEDULED:
        return row.scheduled_for is not None and row.scheduled_for <= now() and not row.awaits_export
    return row.state in RUNNING


def certificate_changed(payload: dict[str, Any]) -> None:
    """Wake the erasure that waits for its certificate, or for a fresh look where it turned void."""
    if payload["key"].startswith(OCCASION):
        for job in _running(payload["key"].split(":")[1]):
            jobs.wake(job.pk)


def job_failed(payload: dict[str, Any]) -> None:
    """Say what has gone already, and that it can be tried again.

    One that could not be certified has said so itself; somebody may have asked for another look before it ended.
    """
    job = Job.objects.filter(pk=payload["job_id"], kind=RUN.name).first()
    if job is None:
        return
    if job.steps.filter(evidence__has_key="refused").exists():
        due({"request_id": job.subject_id})
    elif ErasureRequest.objects.filter(pk=job.subject_id, state__in=RUNNING).exists():
        tell_gone(UUID(job.subject_id), SYSTEM)
        running.failed(UUID(job.subject_id), job.error, actor=SYSTEM)


def cancelled(payload: dict[str, Any]) -> None:
    """Have the stores cleared of what a run that was cancelled in the middle has left."""
    row = ErasureRequest.objects.select_related("tenant").get(pk=payload["request_id"])
    if payload["was_started"]:
        jobs.start_job(
            CLEAR_UP.name,
            actor=SYSTEM,
            subject=row,
            title=f"{row}: clear up after it was cancelled",
            resource_class=resource_of(row.kind, row.pk),
            params={"request_id": str(row.pk)},
        )


def _running(request_id: str) -> list[Job]:
    return list(Job.objects.unfinished().filter(kind=RUN.name, subject_id=request_id))
