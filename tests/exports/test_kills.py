"""The job killed with SIGKILL: one export with exactly what there is, nothing twice, nothing of any attempt left over.

At each step: inside, right before its outcome is committed, or right after. `make test` draws one of them for each step
by a printed seed; BAILIWICK_SWEEPS=all takes every one.
"""

import os
import random
import signal
import tracemalloc
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from psycopg import Connection

from lifecycle.exports.engine import removing, rows
from lifecycle.exports.engine.writing import PART
from lifecycle.exports.models import Export
from portal.audit.models import Entry
from portal.jobs import actions as jobs
from portal.jobs.models import Job
from portal.lib.clock import now
from tests.erasure.run.conftest import Worker
from tests.erasure.run.test_kills import standing_still
from tests.jobs.support import eventually
from tests.sealing import seal_here
from tests.sweeps import SEED, WHOLE

from .conftest import Settled, asked, lines
from .test_making import as_text, rows_of

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def worker(notes: Settled) -> Iterator[Worker]:
    process = Worker(settings.REGIONS_FILE)
    yield process
    process.close()


def through(worker: Worker, job: Job, deaths: dict[str, list[Any]]) -> list[str]:
    """Work until it has ended, each turn with the next death of each step; returns the steps it was killed in."""
    died = []
    for _turn in range(200):
        turn = worker.run(job, {step: left[0] for step, left in deaths.items() if left})
        if turn["at"]:
            assert turn["status"] == signal.SIGKILL
            deaths[turn["at"][0]].pop(0)
            died.append(turn["at"][0])
        job.refresh_from_db()
        if job.is_finished:
            assert job.state == "succeeded", job.error
            return died
        if job.state == "waiting":
            seal_here()
            jobs.wake(job.pk)
    raise AssertionError(f"{job.state}: {job.wait_reason}; {died}")


def holds(notes: Settled, made: Export) -> None:
    """It has every row once, and nothing lies in its folder but its files."""
    made.refresh_from_db()
    archive = notes.zip(made)
    assert made.state == "ready" and archive.testzip() is None
    for table in made.found["rows"]:
        path = "vectors/pgvector.jsonl" if table == "chunk_vectors" else f"rows/{table}.jsonl"
        assert sorted(map(as_text, lines(archive, path))) == rows_of(notes, table), table
    assert removing.left(notes.place(made)) == len(archive.namelist()) == made.files + 3
    assert Entry.objects.filter(object_id=str(made.pk), verb="export.verified").count() == 1


def drawn(steps: list[str], chance: random.Random) -> dict[str, list[Any]]:
    ends = [(0, "before", "SIGKILL"), (0, "after", "SIGKILL")]
    every = {step: [(chance.randint(1, 6), chance.choice(["before", "after"]), "SIGKILL"), *ends] for step in steps}
    return every if WHOLE else {step: [chance.choice(points)] for step, points in every.items()}


def test_killed_at_every_step(notes: Settled, worker: Worker) -> None:
    print(f"seed {SEED}")
    made = asked(notes.tenant)
    job = Job.objects.get(pk=made.job_id)
    through(worker, job, drawn(list(job.steps.values_list("name", flat=True)), random.Random(SEED)))
    holds(notes, made)


def test_a_worker_that_slept_through_its_successor_changes_nothing(notes: Settled, worker: Worker) -> None:
    made = asked(notes.tenant)
    job = Job.objects.get(pk=made.job_id)
    pid = worker.begin(job, {"rows": (random.Random(SEED).randint(2, 9), "before", "SIGSTOP")})
    eventually(lambda: standing_still(pid), what=f"process {pid} standing still")
    Job.objects.filter(pk=job.pk).update(lease_until=now() - timedelta(seconds=1))
    other = Worker(settings.REGIONS_FILE)
    through(other, job, {})
    holds(notes, made)
    os.kill(pid, signal.SIGCONT)
    assert worker.heard()["status"] == 0, "superseded, and no more than that"
    other.close()
    made.refresh_from_db()
    assert made.state == "ready" and notes.zip(made).testzip() is None


def test_a_large_tenant_does_not_grow_the_worker(notes: Settled) -> None:
    def grow(db: Connection[Any]) -> None:
        db.execute(
            "INSERT INTO rag.chunks SELECT tenant_id, id, 1000 + n, repeat('long ', 3200) FROM rag.documents,"
            " generate_series(1, 800) n WHERE tenant_id = %s",
            [notes.tenant.pk],
        )

    with notes.world.writer(notes.region) as db:
        grow(db)
    made = asked(notes.tenant)
    tracemalloc.start()
    done = rows.dump(notes.place(made), "0", notes.tenant.pk, notes.tenant.name, lambda: None)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    [file] = [one for one in done.files if one.path == "rows/chunks.jsonl"]
    assert file.bytes > 9 * PART and file.lines == done.counted["chunks"] == 4812
    assert peak < 6 * PART, f"{peak:,} bytes of memory for a file of {file.bytes:,}"
