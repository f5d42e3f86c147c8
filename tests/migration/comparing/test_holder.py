"""A comparison goes on over ticks and dead workers in the same snapshots, and ends with the process that holds them."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import IntegrityError, connections, transaction

from lifecycle.migration.comparing import comparing
from lifecycle.migration.comparing.holder import Holder, Kept
from lifecycle.migration.comparing.models import Comparison, Found
from lifecycle.migration.engine import verify
from portal.embedded.stack import Stack
from portal.jobs import runner
from portal.jobs.models import Job, JobState, Step
from portal.jobs.outbox import deliver_due
from portal.lib.clock import now
from tests.jobs.support import ROOT, child_env, eventually
from tests.migration.control.running import NO_READS, Running, running
from tests.migration.engine import kills

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def one(shipped: None, stack: Stack, settings: Any, monkeypatch: Any) -> Running:
    """A move with many small ranges, of which each turn of a worker compares one, about to be verified."""
    settings.MIGRATION = {**settings.MIGRATION, **NO_READS, "budget_ms": 5_000, "gate_seconds": 3600}
    monkeypatch.setattr(verify, "RANGE", 3)
    monkeypatch.setattr(verify, "AT_ONCE", 1)
    monkeypatch.setattr(comparing, "SLICE_SECONDS", -1)
    return running(stack.superuser_kwargs("control", "postgres"), documents=5)


class Process:
    """`manage.py hold_snapshots`, started and killed."""

    def __init__(self, log: Path) -> None:
        self.log = log
        self.start()

    def start(self) -> None:
        with self.log.open("wb") as log:
            self.child = subprocess.Popen(
                [sys.executable, "manage.py", "hold_snapshots"], cwd=ROOT, env=child_env(), stdout=log, stderr=log
            )
        eventually(lambda: "holder.started" in self.log.read_text(), what="a holder")

    def end(self, sign: int = signal.SIGKILL) -> int:
        self.child.send_signal(sign)
        return self.child.wait(30)


@pytest.fixture
def process(one: Running, tmp_path: Path) -> Iterator[Process]:
    made = Process(tmp_path / "holder.log")
    yield made
    if made.child.poll() is None:
        made.end()


def work(one: Running) -> None:
    runner.run(one.job.pk)
    deliver_due()
    assert one.job.state != JobState.FAILED, one.job.error


def in_the_middle(one: Running) -> Comparison:
    """Let workers come until something was found and not all of it."""

    def look() -> Comparison | None:
        work(one)
        return Comparison.objects.filter(ended_at=None, found__isnull=False).distinct().first()

    found: Comparison = eventually(look, what="a comparison in the middle")
    return found


def until_verified(one: Running) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        work(one)
        step = Step.objects.get(job=one.migration.job_id, name="verify")
        return step.evidence if step.state == "succeeded" else None

    found: dict[str, Any] = eventually(look, what="a verification")
    return found


def test_a_holder_that_is_killed_makes_all_that_was_found_void(one: Running, process: Process) -> None:
    first = in_the_middle(one)
    assert process.end() == -signal.SIGKILL
    one.stores.fill(1)
    eventually(lambda: work(one) or Comparison.objects.filter(pk=first.pk, outcome="void").exists(), what="void")
    assert not Found.objects.filter(comparison=first).exists()
    waits = eventually(lambda: work(one) or Job.objects.get(pk=one.job.pk).wait_reason, what="a reason")
    assert "hold_snapshots" in waits, "nobody holds any now, and people see it"
    process.start()
    told = until_verified(one)
    second = Comparison.objects.exclude(pk=first.pk).get()
    assert (second.outcome, told["snapshot"]) == ("compared", second.of_source["shows"])
    assert second.of_source != first.of_source and second.of_target != first.of_target
    assert process.end(signal.SIGTERM) == 0


def test_a_worker_that_is_killed_leaves_the_next_one_the_same_snapshots(one: Running, process: Process) -> None:
    first = in_the_middle(one)
    keep, before = comparing._keep, first.found.count()

    def killed(*given: Any) -> None:
        keep(*given)
        os.kill(os.getpid(), signal.SIGKILL)

    job = one.job.pk
    Job.objects.filter(pk=job).update(wake_at=now())
    connections.close_all()
    comparing._keep = killed
    try:
        child = kills.fork(lambda: runner.run(job))
    finally:
        comparing._keep = keep
    assert kills.wait(child) == -signal.SIGKILL
    assert first.found.count() == before + 1, "what it had found is kept"
    one.stores.fill(1)
    told = until_verified(one)
    only = Comparison.objects.get()
    assert (only.pk, only.outcome, only.reason) == (first.pk, "compared", "")
    assert told["snapshot"] == first.of_source["shows"], "what was written since is none of it"
    assert one.migration.root_source == one.migration.root_target != ""


def test_a_worker_that_lost_the_job_adds_nothing(one: Running, process: Process) -> None:
    first = in_the_middle(one)
    keep, before = comparing._keep, first.found.count()

    def overtaken(ctx: Any, *given: Any) -> None:
        Job.objects.filter(pk=ctx.job.pk).update(job_epoch=ctx.epoch + 1)
        keep(ctx, *given)

    comparing._keep = overtaken
    try:
        eventually(lambda: runner.run(one.job.pk) or one.job.state == JobState.RUNNING, what="an overtaken worker")
    finally:
        comparing._keep = keep
    assert first.found.count() == before


def test_two_holders_give_one_snapshot(one: Running) -> None:
    eventually(lambda: work(one) or Comparison.objects.exists(), what="a comparison")
    holders = Holder(), Holder()
    row = Comparison.objects.get()
    given = [holder._give(row, Kept(), "source") for holder in holders]
    assert given == [True, False] and [len(holder._kept) for holder in holders] == [1, 0]
    for holder in holders:
        holder.let_go()


def test_what_nobody_reads_in_is_let_go(one: Running, settings: Any) -> None:
    holder = Holder()
    eventually(lambda: work(one) or Comparison.objects.exists(), what="a comparison")
    assert holder.look() == 1 and holder.look() == 0
    settings.MIGRATION = {**settings.MIGRATION, "snapshot_idle_seconds": -1}
    holder.look()
    row = Comparison.objects.get()
    assert row.outcome == "void" and not holder._kept


REFUSED = {
    "another snapshot": {"of_source": {"name": "x", "shows": "1:1:", "server": "0", "at": 0.0}},
    "another side": {"target": "us-east-1"},
    "the target's before it was brought over": {"of_target": {"name": "x"}},
}


@pytest.mark.parametrize("change", REFUSED.values(), ids=REFUSED.keys())
def test_the_database_mixes_no_snapshots(one: Running, change: dict[str, Any]) -> None:
    holder = Holder()
    eventually(lambda: work(one) or holder.look(), what="a snapshot")
    with pytest.raises(IntegrityError), transaction.atomic():
        Comparison.objects.update(**change)
    with pytest.raises(IntegrityError, match="in two snapshots"), transaction.atomic():
        Found.objects.create(
            comparison=Comparison.objects.get(), table="t", rows=0, digest=b"", rows_there=0, digest_there=b""
        )
    holder.let_go()
