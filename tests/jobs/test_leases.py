"""Who gets a job, who gets a tenant's resource class, and that two never do."""

import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.db import DatabaseError, connection, transaction

from portal.jobs import actions, holder, lease, runner
from portal.jobs.models import EpochCounter, Job, ResourceLease
from portal.lib.clock import now
from portal.lib.errors import Invalid

from .support import ENGINEER, Worker, calls, due, eventually, fresh, outcome, start


def at_once(count: int, act: Callable[[int], Any]) -> list[Any]:
    """Run `act` in `count` threads that start together; return what each returned, or raise what one raised."""
    gate = threading.Barrier(count)

    def one(number: int) -> Any:
        try:
            gate.wait()
            return act(number)
        finally:
            connection.close()

    with ThreadPoolExecutor(count) as pool:
        return [future.result() for future in [pool.submit(one, number) for number in range(count)]]


@pytest.mark.django_db(transaction=True)
def test_of_many_workers_one_gets_the_job(world: Path) -> None:
    for _ in range(5):
        job = start("three", world)
        assert sum(turn is not None for turn in at_once(6, lambda _, job_id=job.pk: runner.claim(job_id))) == 1
        assert fresh(job).job_epoch == 1


@pytest.mark.django_db(transaction=True)
def test_of_many_jobs_of_one_tenant_one_gets_the_estate(world: Path) -> None:
    tenant = uuid4()
    jobs = [start("three", world, tenant_id=tenant) for _ in range(5)]
    turns = at_once(5, lambda number: runner.claim(jobs[number].pk))
    assert sum(turn is not None for turn in turns) == 1
    (winner,) = [turn for turn in turns if turn]
    assert ResourceLease.objects.get().job_id == winner.job.pk
    blocked = [fresh(job) for job in jobs if job.pk != winner.job.pk]
    assert {job.state for job in blocked} == {"queued"}
    assert all("Waits for another job" in job.wait_reason for job in blocked)


@pytest.mark.django_db(transaction=True)
def test_the_blocked_are_woken_when_the_way_is_free_and_all_end(world: Path) -> None:
    tenant = uuid4()
    jobs = [start("three", world, tenant_id=tenant) for _ in range(6)]

    def until_done(number: int) -> None:
        while Job.objects.unfinished().exists():
            for job_id in due():
                runner.run(job_id)

    at_once(3, until_done)
    assert {fresh(job).state for job in jobs} == {"succeeded"}
    assert sorted(calls(world)) == ["first"] * 6 + ["second"] * 6 + ["third"] * 6
    assert EpochCounter.objects.get().value == 6
    assert len({fresh(job).job_epoch for job in jobs}) == 6


@pytest.mark.django_db
def test_compatibility_is_data(world: Path) -> None:
    tenant = uuid4()
    first = start("waits", world, tenant_id=tenant)
    runner.run(first.pk)
    backup = start("backup", world, tenant_id=tenant)
    runner.run(backup.pk)
    assert fresh(backup).state == "succeeded"  # unlike classes go together
    actions.set_lease_rule("estate", "backup", False, actor=ENGINEER, reason="snapshot would be torn")
    other = start("backup", world, tenant_id=tenant)
    runner.run(other.pk)
    assert fresh(other).state == "queued"
    elsewhere = start("backup", world, tenant_id=uuid4())
    runner.run(elsewhere.pk)
    assert fresh(elsewhere).state == "succeeded"
    actions.set_lease_rule("backup", "estate", True, actor=ENGINEER, reason="it is not")
    actions.wake(other.pk)
    runner.run(other.pk)
    assert fresh(other).state == "succeeded"
    with pytest.raises(Invalid):
        actions.set_lease_rule("estate", "estate", True, actor=ENGINEER, reason="x")


@pytest.mark.django_db
def test_parts_of_a_class_go_side_by_side_and_the_whole_waits(world: Path) -> None:
    tenant = uuid4()
    parts = [start("waits", world, tenant_id=tenant, resource_class=f"estate:{number}") for number in (1, 2)]
    same = start("waits", world, tenant_id=tenant, resource_class="estate:1")
    whole = start("waits", world, tenant_id=tenant, resource_class="estate")
    actions.set_lease_rule("estate", "backup", False, actor=ENGINEER, reason="snapshot would be torn")
    beside = start("backup", world, tenant_id=tenant)
    for job in (*parts, same, whole, beside):
        runner.run(job.pk)
    assert [fresh(job).state for job in (*parts, same, whole, beside)] == ["waiting"] * 2 + ["queued"] * 3
    assert len({fresh(job).job_epoch for job in parts}) == 2, "no part has an epoch that another had"


@pytest.mark.django_db
def test_one_pair_is_held_once_even_by_hand(world: Path) -> None:
    tenant, jobs = uuid4(), [start("three", world) for _ in range(2)]
    ResourceLease.objects.create(tenant_id=tenant, resource_class="estate", job=jobs[0], epoch=1)
    with pytest.raises(DatabaseError), transaction.atomic():
        ResourceLease.objects.create(tenant_id=tenant, resource_class="estate", job=jobs[1], epoch=2)


@pytest.mark.django_db
def test_epochs_rise_over_jobs_of_a_pair(world: Path) -> None:
    tenant = uuid4()
    epochs = []
    for _ in range(3):
        job = start("three", world, tenant_id=tenant)
        runner.run(job.pk)
        epochs.append(fresh(job).job_epoch)
    assert epochs == [1, 2, 3]


def test_a_holder_is_known_dead_only_when_it_is() -> None:
    mine = holder.me()
    place, pid, started = mine.rsplit(":", 2)
    assert not holder.is_dead(mine)
    assert holder.is_dead(f"{place}:{pid}:{int(started) - 1}")  # the pid was given to another process
    assert not holder.is_dead(f"elsewhere:{pid}:1")
    assert not holder.is_dead("") and not holder.is_dead("somebody") and not holder.is_dead("a:b:c")


@pytest.mark.django_db(transaction=True)
def test_a_step_has_a_lease_of_its_own_length_or_one_just_as_long_that_was_renewed_a_moment_ago(world: Path) -> None:
    turn, lengths = runner.claim(start("leased", world).pk), []
    while turn is not None:
        lengths.append(round((fresh(turn.job).lease_until - now()).total_seconds()))
        done = runner.attempt(turn)
        turn.renewed -= 60 if turn.step.name == "long" else 0  # as if it had worked for a minute since
        end = fresh(turn.job).lease_until
        after = runner.settle(turn, done)
        is_kept = after is not None and fresh(after.job).lease_until == end
        assert is_kept == (turn.step.name == "first"), turn.step.name
        turn = after
    assert lengths == [15, 15, 120, 120, 15]


@pytest.mark.django_db(transaction=True)
def test_a_worker_that_hangs_loses_the_job_and_a_busy_one_keeps_it(world: Path, settings: Any) -> None:
    settings.JOB_LEASE_SECONDS = 0.4
    worker = Worker(lease=0.4)
    try:
        job = start("slow", world)
        worker.begin(job)
        eventually((world / "inside").exists)
        end = fresh(job).lease_until
        eventually(lambda: fresh(job).lease_until > end)
        assert runner.claim(job.pk) is None
        (world / "go").touch()
        assert worker.heard()["status"] == 0
        (world / "go").unlink()
        (world / "inside").unlink()
        hung = start("slow", world, params={"mute": True})
        worker.begin(hung)
        eventually((world / "inside").exists)
        assert hung.pk not in lease.orphans()
        eventually(lambda: hung.pk in lease.orphans())
        runner.run(hung.pk)
        before = outcome(hung, world)
        assert before["job"][0] == "succeeded"
        (world / "go").touch()
        assert worker.heard()["status"] == 0
        assert outcome(hung, world) == before
    finally:
        worker.close()


@pytest.mark.django_db(transaction=True)
def test_a_worker_that_was_stopped_past_its_lease_changes_nothing_when_it_wakes(world: Path, worker: Worker) -> None:
    job = start("slow", world, tenant_id=uuid4())
    pid = worker.begin(job)
    eventually((world / "inside").exists)
    os.kill(pid, signal.SIGSTOP)
    assert runner.claim(job.pk) is None  # stopped is not dead: the lease decides
    Job.objects.filter(pk=job.pk).update(lease_until=now())
    runner.run(job.pk)
    before = outcome(job, world)
    assert before["job"] == ("succeeded", "", 0)
    assert before["steps"][0][3] == {"attempt": 2}
    (world / "go").touch()
    os.kill(pid, signal.SIGCONT)
    assert worker.heard()["status"] == 0  # ends by itself, quietly
    assert outcome(job, world) == before
