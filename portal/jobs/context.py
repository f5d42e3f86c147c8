"""What a step may ask and write. Every write is conditional on this worker's epoch and else raises Superseded."""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import QuerySet

from portal.access.actor import Actor
from portal.audit.context import acting
from portal.lib.clock import now
from portal.lib.composed import composed

from . import lease
from .errors import Superseded
from .kinds import Evidence, StepDef
from .models import WORKED_ON, Job, JobState, Step
from .text import clean, plain

APPEND = """
WITH line(n, level, text) AS (
    SELECT * FROM unnest(%(numbers)s::int[], %(levels)s::text[], %(texts)s::text[])
), held AS (
    UPDATE jobs_job SET log_lines = log_lines + %(count)s,
                        lease_until = greatest(lease_until, statement_timestamp() + %(lease)s * interval '1 second')
    WHERE id = %(job)s AND job_epoch = %(epoch)s AND state IN ('running', 'cancelling')
    RETURNING log_lines - %(count)s AS before
)
INSERT INTO jobs_logline (job_id, seq, at, step, level, text)
SELECT %(job)s, held.before + line.n, %(at)s, %(step)s, line.level, line.text FROM held, line
"""


class StepContext:
    """One attempt at one step, handed to the step's function."""

    def __init__(self, job: Job, step: Step, definition: StepDef, renewed: float | None = None) -> None:
        self.job = job
        self.step = step
        self.definition = definition
        self.epoch = job.job_epoch
        self.actor = Actor(id=f"system:{job.kind}"[:64], user=None, via="system", request_id=str(job.pk))
        self.renewed = time.monotonic() if renewed is None else renewed
        self._has_noted = False

    @property
    def params(self) -> dict[str, Any]:
        return self.job.params

    @property
    def attempt(self) -> int:
        """1 for the first time this step is begun, counting waits and take-overs."""
        return self.step.attempts

    @property
    def cancel_requested(self) -> bool:
        """True once somebody asked to cancel: stop at a safe place by raising Cancelled."""
        return bool(Job.objects.filter(pk=self.job.pk, state=JobState.CANCELLING).exists())

    @property
    def is_fresh(self) -> bool:
        """Whether the lease was renewed so lately that it need not be again."""
        return time.monotonic() - self.renewed < min(1.0, lease.seconds(self.definition) / 5)

    def covers(self, definition: StepDef) -> bool:
        """Whether the lease as it is will do for the beginning of that step, too: fresh, and as long as its own."""
        return self.is_fresh and lease.seconds(definition) == lease.seconds(self.definition)

    @contextmanager
    def fenced(self) -> Iterator[Job]:
        """One transaction that commits only if this worker still holds the job; yields the locked job."""
        with acting(self.actor):
            found = _ours(self.job.pk, self.epoch)
            if not found or found[0].state not in WORKED_ON:
                raise Superseded(f"job {self.job.pk} epoch {self.epoch}")
            yield found[0]

    def log(self, text: str, level: str = "info") -> None:
        """Add a line to the job's log; masks what looks like a credential."""
        self.log_many([(text, level)])

    def log_many(self, lines: Iterable[tuple[str, str]]) -> None:
        """Add (text, level) lines in one statement; also renews the lease."""
        kept = [(clean(text), level[:8]) for text, level in lines]
        if not kept:
            return
        values: dict[str, Any] = {
            "numbers": list(range(1, len(kept) + 1)),
            "levels": [level for _, level in kept],
            "texts": [text for text, _ in kept],
            "count": len(kept),
            "lease": lease.seconds(self.definition),
            "job": self.job.pk,
            "epoch": self.epoch,
            "at": now(),
            "step": self.step.name,
        }
        with connection.cursor() as cursor:
            cursor.execute(APPEND, values)
            if cursor.rowcount != len(kept):
                raise Superseded(f"job {self.job.pk} epoch {self.epoch}")
        self.renewed = time.monotonic()

    def heartbeat(self, done: int | None = None, total: int | None = None) -> None:
        """Report progress and renew the lease. Call it at every unit of work: it writes at most about once a second.

        A step that stops calling it loses the job after the lease's length, so a hung step does not hold it.
        """
        length = lease.seconds(self.definition)
        if not self.is_fresh or (done is not None and done == total):
            with transaction.atomic():
                lease.renew(self.job.pk, self.epoch, length)
                if done is not None:
                    Step.objects.filter(pk=self.step.pk).update(done=done, total=total)
            self.renewed = time.monotonic()

    def note(self, **facts: Any) -> None:
        """Keep facts in this step's evidence now, so that a later attempt or the compensation can read them."""
        with self.fenced():
            [before] = _left(self.job.pk, self.step.name)
            evidence = {**before, **plain(facts)}
            Step.objects.filter(pk=self.step.pk).update(evidence=evidence)
        self.step.evidence, self._has_noted = evidence, True

    def current_step(self) -> Step:
        """The step as the database has it: only this attempt writes to it, and what it noted may be rolled back."""
        if self._has_noted:
            self.step.refresh_from_db(fields=["evidence"])
        return self.step

    def evidence(self, step: str) -> Evidence:
        """What `step` of this job, or else of the job this one compensates, has left; {} if nothing."""
        for job_id in filter(None, (self.job.pk, self.job.compensates_id)):
            for left in filter(None, _left(job_id, step)):
                return dict(left)
        return {}


@composed
def _ours(job_id: UUID, epoch: int) -> QuerySet[Job]:
    return Job.objects.select_for_update(no_key=True).filter(pk=job_id, job_epoch=epoch).order_by()


@composed
def _left(job_id: UUID, step: str) -> QuerySet[Step, Evidence]:
    return Step.objects.filter(job_id=job_id, name=step).order_by().values_list("evidence", flat=True)
