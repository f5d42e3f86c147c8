"""Reads about jobs: what an actor may see, where a job stands, how long it still takes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection, models

from portal.access import policy
from portal.access.actor import Actor
from portal.lib.clock import now

from . import kinds
from .models import STEP_DONE, Job, JobQuerySet, JobState, LogLine, Step, StepState

MEDIANS = """
SELECT s.name, percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM s.finished_at - s.started_at))
FROM jobs_step s
JOIN (SELECT id FROM jobs_job WHERE kind = %s AND state = 'succeeded' ORDER BY finished_at DESC LIMIT 50) j
  ON j.id = s.job_id
WHERE s.state = 'succeeded'
GROUP BY s.name
"""


@dataclass(frozen=True)
class StepLine:
    """One step as pages show it. Seconds are whole; `expected` is the median of past runs or the kind's guess."""

    seq: int
    name: str
    title: str
    state: str
    attempts: int
    started_at: datetime | None
    finished_at: datetime | None
    took_seconds: int | None
    expected_seconds: int
    done: int | None
    total: int | None
    rate_per_second: float | None
    error: str
    evidence: dict[str, Any]


def visible_to(actor: Actor) -> JobQuerySet:
    """The jobs the actor may see, newest first."""
    jobs: JobQuerySet = Job.objects.visible_to(actor).order_by("-created_at")
    return jobs


def about(subject: models.Model, kind: str = "") -> JobQuerySet:
    """Jobs about `subject`, newest first."""
    jobs: JobQuerySet = Job.objects.filter(subject_type=subject._meta.label_lower, subject_id=str(subject.pk))
    return (jobs.filter(kind=kind) if kind else jobs).order_by("-created_at")


def available_verbs(job: Job, actor: Actor) -> list[str]:
    """Which of cancel, resume, retry_step, compensate the actor may do to the job as it stands."""
    if not policy.can(actor, "job.operate", job):
        return []
    kind = kinds.find(job.kind)
    if job.state in (JobState.QUEUED, JobState.RUNNING, JobState.WAITING):
        verbs = ["cancel"] if kind is None or kind.is_cancellable else []
        return [*verbs, "retry_step"] if job.state == JobState.WAITING else verbs
    if job.state != JobState.FAILED or Job.objects.filter(compensates=job).exists():
        return []
    return ["resume", "compensate"] if kind and kind.undoing and not job.compensates_id else ["resume"]


def timeline(job: Job) -> list[StepLine]:
    """The job's steps in order, with durations and expectations."""
    steps = list(job.steps.all())
    usual = medians(job.kind)
    return [_line(step, usual) for step in steps]


def eta(job: Job, lines: Sequence[StepLine] | None = None) -> int | None:
    """Seconds until the job is expected to end, pauses included; None once it has ended."""
    if job.is_finished:
        return None
    pause = max(0.0, (job.wake_at - now()).total_seconds()) if job.wake_at else 0.0
    return round(pause + sum(_remaining(line) for line in (lines if lines is not None else timeline(job))))


def log_after(job: Job, offset: int, limit: int = 500) -> list[LogLine]:
    """Up to `limit` log lines with a number above `offset`."""
    return list(job.log.filter(seq__gt=offset).order_by("seq")[:limit])


def medians(kind: str) -> dict[str, float]:
    """Step name → median seconds over the last 50 successful jobs of the kind."""
    with connection.cursor() as cursor:
        cursor.execute(MEDIANS, [kind])
        return {name: float(value) for name, value in cursor.fetchall() if value is not None}


def evidence_of(job_id: UUID) -> dict[str, dict[str, Any]]:
    """Step name → evidence of every step of the job that is done."""
    return dict(Step.objects.filter(job_id=job_id, state__in=STEP_DONE).values_list("name", "evidence"))


def _line(step: Step, usual: dict[str, float]) -> StepLine:
    end = step.finished_at or now()
    took = (end - step.started_at).total_seconds() if step.started_at else None
    return StepLine(
        seq=step.seq,
        name=step.name,
        title=step.title,
        state=step.state,
        attempts=step.attempts,
        started_at=step.started_at,
        finished_at=step.finished_at,
        took_seconds=None if took is None else round(took),
        expected_seconds=round(usual.get(step.name, step.eta_seconds)),
        done=step.done,
        total=step.total,
        rate_per_second=round(step.done / took, 2) if step.done and took else None,
        error=step.error,
        evidence=step.evidence,
    )


def _remaining(line: StepLine) -> float:
    """A step under way with a count is judged by its own pace, else by what it usually takes."""
    if line.state in (*STEP_DONE, StepState.FAILED, StepState.CANCELLED):
        return 0.0
    if line.done and line.total and line.rate_per_second:
        return max(0, line.total - line.done) / line.rate_per_second
    return float(max(0, line.expected_seconds - (line.took_seconds or 0)))
