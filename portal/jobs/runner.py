"""Runs a job: claims it, does its steps one after the other, and may be killed at any instruction.

Each step's outcome and the beginning of the next one commit together, under the job's row lock and this worker's
epoch. A worker that lost the job finds its epoch gone at its next write and ends; the successor begins at the first
step without an outcome.
"""

import random
import traceback
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from django.db import InterfaceError, OperationalError, connection
from django.db.models import QuerySet

from portal.audit.context import action_of
from portal.lib.clock import now
from portal.lib.composed import composed
from portal.lib.tracing import span

from . import creation, endings, holder, kinds, lease, outbox
from .context import StepContext
from .errors import Cancelled, Skip, Superseded, WaitUntil
from .kinds import Evidence
from .models import STEP_DONE, WORKED_ON, Job, JobState, Step, StepState
from .text import clean, describe, plain

log = structlog.get_logger(__name__)
UNFORESEEN_ATTEMPTS = 3
LOSSES = 10
LONGEST_PAUSE = 300.0
LEFT = ("state", "wake_at", "wait_reason", "lease_holder", "lease_until", "driven_at")  # what changes when it waits
CLAIMED = (*LEFT, "job_epoch", "started_at")
BLOCKED_RETRY = timedelta(seconds=30)


@dataclass(frozen=True)
class Done:
    evidence: Evidence = field(default_factory=dict)
    state: StepState = StepState.SUCCEEDED


@dataclass(frozen=True)
class Wait:
    at: datetime | None
    reason: str


@dataclass(frozen=True)
class Failed:
    """`attempts` is how many tries this sort of failure gets in all; 1 means none is left."""

    error: str
    attempts: int = 1
    retry_after: float | None = None


@dataclass(frozen=True)
class Stopped:
    """The step saw the request to cancel."""


Outcome = Done | Wait | Failed | Stopped


def run(job_id: UUID) -> None:
    """Work on the job until it ends or waits. Does nothing if it is not due or another worker has it."""
    try:
        turn = claim(job_id)
        while turn is not None:
            turn = settle(turn, attempt(turn))
    except Superseded:
        log.warning("job.superseded", job_id=str(job_id))


@action_of(endings.RUNNER)
def claim(job_id: UUID) -> StepContext | None:
    """Take the job at a fresh epoch and begin its first unfinished step; None if there is nothing to take."""
    job = creation.by_id(job_id)
    if job is None or not _is_due(job):
        return None
    if job.state == JobState.CANCELLING:
        endings.cancelled(job)
        return None
    in_the_way = lease.in_the_way_of(job)
    if in_the_way is not None:
        _block(job, in_the_way)
        return None
    lost = job.state == JobState.RUNNING
    job.job_epoch = lease.next_epoch(job)
    job.lease_holder = holder.me()
    lease.hold_resource(job)
    job.begin(now())
    job.wakes.all().delete()  # what they announced is visible to what follows; one that comes later stays for its wait
    return _begin(job, lost=lost)


def _is_due(job: Job) -> bool:
    if job.is_finished:
        return False
    if job.state in WORKED_ON:
        return lease.has_ended(job)
    if job.state == JobState.QUEUED and job.wake_at is None:
        return True
    return (job.wake_at is not None and job.wake_at <= now()) or job.wakes.exists()


def _block(job: Job, by: Job) -> None:
    job.wakes.all().delete()
    job.wait_reason = f"Waits for another job of this tenant: {by.title}"[:500]
    job.wake_at, job.driven_at = now() + BLOCKED_RETRY, None
    job.save()


def _begin(job: Job, *, after: StepContext | None = None, lost: bool = False) -> StepContext | None:
    """Begin the first unfinished step, or end the job when there is none. The job's row is locked and ours.

    `after` is this worker's turn before; None: it has just claimed the job.
    """
    step = next(iter(_next_step(job.pk)), None)
    kind = kinds.find(job.kind)
    definition = kind.step(step.name) if kind and step else None
    if step is None:
        endings.succeeded(job)
        return None
    renewed = after.renewed if after and definition and after.covers(definition) else None
    if renewed is None:
        job.lease_until = lease.until(lease.seconds(definition))
        job.save(update_fields=["lease_until"] if after else CLAIMED)
    step.losses += lost
    if definition is None or step.losses >= LOSSES:
        why = f"its worker died {step.losses} times" if definition else "this version does not know the step"
        _fail(job, step, f"{step.title}: {why}")
        return None
    step.state = StepState.RUNNING
    step.attempts += 1
    step.started_at = step.started_at or now()
    step.save(update_fields=["state", "attempts", "losses", "started_at"])
    return StepContext(job, step, definition, renewed)


@composed
def _next_step(job_id: UUID) -> QuerySet[Step]:
    return Step.objects.filter(job_id=job_id).exclude(state__in=STEP_DONE).order_by("seq")[:1]


def attempt(turn: StepContext) -> Outcome:
    """Run the step's function once and name what came of it; raises only Superseded."""
    with span("job.step", _told(turn)) as told:
        outcome = _attempt(turn)
        told.set_attribute("bailiwick.job.outcome", type(outcome).__name__.lower())
        return outcome


def _told(turn: StepContext) -> dict[str, str | int]:
    about = {"bailiwick.tenant.id": str(turn.job.tenant_id)} if turn.job.tenant_id else {}
    return {
        **about,
        "bailiwick.job.id": str(turn.job.pk),
        "bailiwick.job.kind": turn.job.kind,
        "bailiwick.job.step": turn.step.name,
        "bailiwick.job.epoch": turn.epoch,
    }


def _attempt(turn: StepContext) -> Outcome:
    limit = turn.definition.max_attempts
    try:
        return Done(plain(turn.definition.func(turn) or {}))
    except Superseded:
        raise
    except WaitUntil as wait:
        return Wait(wait.at, wait.reason)
    except Skip as skip:
        return Done({"skipped": str(skip)}, StepState.SKIPPED)
    except Cancelled:
        return Stopped()
    except (OperationalError, InterfaceError) as error:
        connection.close_if_unusable_or_obsolete()
        return Failed(describe(error), limit)
    except Exception as error:  # noqa: BLE001 - a step may raise anything, and none may take the worker down
        return _judge(turn, error, limit)


def _judge(turn: StepContext, error: Exception, limit: int) -> Failed:
    known = getattr(error, "is_transient", None)
    if known is not None:
        return Failed(clean(str(error), 1000), limit if known else 1, getattr(error, "retry_after", None))
    where = traceback.format_tb(error.__traceback__)
    log.error("job.step_raised", job_id=str(turn.job.pk), step=turn.step.name, error=describe(error), where=where)
    return Failed(describe(error), min(limit, UNFORESEEN_ATTEMPTS))


def settle(turn: StepContext, outcome: Outcome) -> StepContext | None:
    """Write the outcome and begin the next step in one transaction, if the job is still ours."""
    with turn.fenced() as job:
        step = turn.current_step()
        if isinstance(outcome, Done):
            _finish_step(step, outcome)
        if job.state == JobState.CANCELLING:
            endings.cancelled(job, outcome.error if isinstance(outcome, Failed) else "")
        elif isinstance(outcome, Done):
            return _begin(job, after=turn)
        elif isinstance(outcome, Wait):
            _wait(job, step, outcome.at, outcome.reason)
        elif isinstance(outcome, Failed):
            _retry_or_fail(job, step, turn.definition, outcome)
        else:
            _fail(job, step, "The step stopped as if cancelled, but nobody had asked it to")
    return None


def _finish_step(step: Step, outcome: Done) -> None:
    step.state, step.error, step.finished_at = outcome.state, "", now()
    step.evidence = {**step.evidence, **outcome.evidence}
    step.save(update_fields=["state", "error", "finished_at", "evidence"])


def _retry_or_fail(job: Job, step: Step, definition: kinds.StepDef, outcome: Failed) -> None:
    step.failures += 1
    step.error = outcome.error
    if step.failures >= outcome.attempts:
        _fail(job, step, outcome.error)
        return
    pause = pause_before(step.failures + 1, definition.backoff_seconds, outcome.retry_after)
    _wait(job, step, now() + timedelta(seconds=pause), f"Tries again: {outcome.error}")


def pause_before(attempt: int, first: float, wanted: float | None = None) -> float:
    """Seconds before try number `attempt` (2, 3, …): doubling, between half and whole so that crowds spread out."""
    longest = min(LONGEST_PAUSE, first * 2 ** min(attempt - 2, 30))
    return max(wanted or 0.0, random.uniform(longest / 2, longest))  # noqa: S311 - spreads load, guards nothing


def _wait(job: Job, step: Step, at: datetime | None, reason: str) -> None:
    step.state = StepState.WAITING
    step.save(update_fields=["state", "failures", "error"])
    job.wait(at, clean(reason, 500))
    job.save(update_fields=LEFT)
    outbox.ring()


def _fail(job: Job, step: Step, error: str) -> None:
    step.state, step.error, step.finished_at = StepState.FAILED, error, now()
    step.save(update_fields=["state", "failures", "losses", "error", "finished_at"])
    endings.failed(job, error)
