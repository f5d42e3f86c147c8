"""A worker killed with SIGKILL at every SQL statement it makes: the end is the same as without the kill.

Statements are the only places where the outcome can differ: between two of them nothing of the job's state changes,
and the steps make their outside effects between two. `make test` samples with a printed seed, `BAILIWICK_SWEEPS=all`
runs every point.
"""

import os
import random
import shutil
import signal
from collections import Counter
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from portal.jobs import actions, runner
from portal.jobs.models import Job
from tests.sweeps import SEED, WHOLE

from .support import ENGINEER, Worker, calls, fresh, outcome, start

pytestmark = pytest.mark.django_db(transaction=True)
SAMPLE = 14


def points(statements: int) -> list[tuple[str, int]]:
    """Before each statement and after each: with the latter its transaction has not yet committed."""
    every = [(when, at) for at in range(1, statements + 1) for when in ("before", "after")]
    print(f"{len(every)} kill points")
    if WHOLE:
        return every
    seed = SEED
    print(f"BAILIWICK_SEED={seed}")
    return sorted(random.Random(seed).sample(every, min(SAMPLE, len(every))), key=lambda point: point[1])


def begin(kind: str, world: Path) -> Job:
    shutil.rmtree(world)
    world.mkdir()
    (world / "go").touch()
    return start(kind, world, tenant_id=uuid4())


def sweep(worker: Worker, kind: str, world: Path, finish: Any) -> None:
    job = begin(kind, world)
    statements = worker.run(job)["statements"]
    finish(job)
    wanted, usual = outcome(job, world), Counter(calls(world))
    assert wanted["dense"]
    for when, at in points(statements):
        job = begin(kind, world)
        assert worker.run(job, when, at)["status"] == signal.SIGKILL, (when, at)
        finish(job)
        assert outcome(job, world) == wanted, (when, at)
        again = Counter(calls(world)) - usual
        assert again.total() <= 1, (when, at)  # only the step that was killed runs twice


def to_the_end(job: Job) -> None:
    runner.run(job.pk)
    runner.run(job.pk)


def through_the_compensation(job: Job) -> None:
    to_the_end(job)
    for undoing in Job.objects.filter(compensates=job):
        to_the_end(undoing)
        assert fresh(undoing).state == "succeeded"


def test_a_job_that_succeeds(worker: Worker, world: Path) -> None:
    sweep(worker, "three", world, to_the_end)


def test_a_job_that_fails_and_is_undone(worker: Worker, world: Path) -> None:
    sweep(worker, "cleaned", world, through_the_compensation)


def test_a_job_that_waits(worker: Worker, world: Path) -> None:
    def sign(job: Job) -> None:
        runner.run(job.pk)
        assert fresh(job).state == "waiting"
        (world / "signed").touch()
        actions.wake(job.pk)
        to_the_end(job)

    sweep(worker, "waits", world, sign)


def test_killed_while_cancelling(worker: Worker, world: Path) -> None:
    job = begin("undone", world)
    (world / "go").unlink()
    pid = worker.begin(job)
    while not (world / "inside").exists():
        assert fresh(job).state in ("queued", "running")
    actions.cancel_job(job.pk, actor=ENGINEER, reason="not wanted")
    os.kill(pid, signal.SIGKILL)
    assert worker.heard()["status"] == signal.SIGKILL
    through_the_compensation(job)
    assert fresh(job).state == "cancelled"
    assert [call for call in calls(world) if call.startswith("undo")] == ["undo slow", "undo third", "undo first"]
