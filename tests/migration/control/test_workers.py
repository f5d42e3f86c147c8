"""Workers of a move's job die, sleep, come twice and race: the move ends as if one had done it all in peace."""

import os
import random
import signal
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import redis
from django.conf import settings as configured
from django.db import connection, connections

from lifecycle.migration import schedule
from lifecycle.stores.postgres import fences
from portal.embedded.stack import Stack
from portal.jobs import drive, runner
from portal.jobs.models import Job, OutboxEvent, ScheduleRun
from portal.jobs.outbox import deliver_due
from portal.jobs.schedule import claim, run_entry
from portal.lib.clock import now
from tenants.models import BusinessUnit
from tests.jobs.support import due, eventually
from tests.migration.engine import kills
from tests.migration.holder import holder, turn
from tests.sweeps import SEED, WHOLE

from .running import NO_READS, Running, running

pytestmark = pytest.mark.django_db(transaction=True)
SWITCHED, BACK = "traffic_cutover_complete", "rolled_back"


WAY = [
    ("", "initiated"),
    ("provisioning_green", "initial_sync"),
    ("initial_sync", "dual_write_enabled"),
    ("dual_write_enabled", "incremental_sync"),
    ("incremental_sync", "traffic_cutover_started"),
    ("traffic_cutover_started", "traffic_cutover_complete"),
]
THERE = {
    "owner": "eu-west-1",
    "state": "traffic_cutover_complete",
    "operation": "migrating",
    "passages": WAY,
    "switched": ["forward"],
}
AND_BACK = {
    "owner": "ap-south-1",
    "state": "rolled_back",
    "operation": "",
    "passages": [*WAY, ("traffic_cutover_complete", "rolled_back")],
    "switched": ["back", "forward"],
}


@pytest.fixture
def arguments(stack: Stack) -> dict[str, Any]:
    return stack.superuser_kwargs("control", "postgres")


@pytest.fixture
def move(shipped: None, settings: Any, arguments: dict[str, Any]) -> Any:
    """Makes moves. Nobody looks at green's health, and a pause may be long: the machine is busy."""
    settings.MIGRATION = {
        **settings.MIGRATION,
        **NO_READS,
        "budget_ms": 5_000,
        "gate_seconds": 3600,
        "fenced_seconds": -1,
    }
    BusinessUnit.objects.filter(pk="FIN").update(envelope_inr=10**9)  # there is a tenant for every point of a sweep
    return lambda name="investment-banking": running(arguments, name=name)


def killed(one: Running, at: int) -> int:
    """A worker in a process of its own that is killed at its commit number `at`."""
    job = one.job.pk
    connections.close_all()
    return kills.fork(lambda: turn(job), at, signal.SIGKILL)


def points(most: int, size: int) -> list[int]:
    return list(range(1, most)) if WHOLE else sorted(random.Random(SEED).sample(range(1, most), size))


def asleep(one: Running, at: int) -> int:
    """A worker in a process of its own that stops at its commit number `at`."""
    job = one.job.pk
    connections.close_all()

    def work() -> None:
        # as deploy/roles.sql has it for the product's own role; tests connect as the owner
        connection.cursor().execute("SET idle_in_transaction_session_timeout = '5s'")
        turn(job)

    return kills.fork(work, at, signal.SIGSTOP)


@pytest.mark.parametrize("back", [False, True])
def test_a_worker_killed_at_a_commit_changes_no_end(move: Any, back: bool) -> None:
    """At any commit of the whole way, and not only of the first time the job is given to a worker."""
    deaths, end = 0, BACK if back else SWITCHED
    for at in kills.sweep(2):
        one = move(f"bank-{at}-{back:d}")
        if back:
            one.until(SWITCHED)
            one.roll_back()
        connections.close_all()
        ended = kills.wait(kills.fork(lambda one=one: one.until(end), at))  # type: ignore[misc]
        where = f"commit {at} of {kills.passed()}, back {back}, seed {SEED}"
        is_beyond = kills.passed() < at or not at
        assert ended == (0 if is_beyond else -signal.SIGKILL), where
        deaths += not is_beyond
        one.until(end)
        assert one.outcome() == (AND_BACK if back else THERE), where
        assert one.open() == [one.stands], where
        if back:
            assert one.stores.everything(one.stores.blue) == one.stores.everything(one.stores.green), where
    assert deaths
    print(f"killed at {deaths} commits, back {back}")


def test_the_job_is_sent_twice_and_lost_by_the_queue(move: Any) -> None:
    """Two workers at every delivery, each by the runner and its lease; what Redis forgot, the database remembers."""
    one = move()
    job = one.job.pk

    def work() -> None:
        try:
            runner.run(job)
        finally:
            connections.close_all()

    def deliveries() -> bool:
        workers = [threading.Thread(target=work) for _ in range(2)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join(120)
        holder().look()
        redis.Redis.from_url(configured.REDIS_URL).flushdb()
        one.migration.refresh_from_db()
        return one.migration.state == SWITCHED

    eventually(deliveries, what=SWITCHED)
    assert one.outcome() == THERE
    assert one.open() == [one.stands]
    Job.objects.filter(pk=job).update(driven_at=now() - timedelta(hours=1), wake_at=now())
    assert job in due(), "what the queue has lost is sent again"


def at_once(*acts: Callable[[], Any]) -> list[Any]:
    """What each of them returns, all begun at one moment."""
    line, found = threading.Barrier(len(acts)), []

    def run(act: Callable[[], Any]) -> None:
        try:
            line.wait(60)
            found.append(act())
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=[act]) for act in acts]
    for one in threads:
        one.start()
    for one in threads:
        one.join(120)
    assert len(found) == len(acts), "one of them raised"
    return found


def test_two_dispatchers_and_two_schedulers_do_each_thing_of_a_move_once(move: Any) -> None:
    """Whose turn an entry is, who sends the job, who tells its news; and two workers besides, who were sent both."""
    one, entry = move(), "lifecycle.migration.schedule.tick"
    job, ticks = one.job.pk, []

    def scheduler() -> None:
        if claim(entry, timedelta(0)):
            ticks.append(entry)
            run_entry(entry)

    def rounds() -> bool:
        ScheduleRun.objects.all().delete()
        ticks.clear()
        Job.objects.filter(pk=job).update(driven_at=None)
        is_due = job in due()
        sent = at_once(drive.send_due, drive.send_due)
        assert is_due <= sum(sent) <= 1, sent  # it may have become due meanwhile
        at_once(lambda: runner.run(job), lambda: runner.run(job), scheduler, scheduler, deliver_due, deliver_due)
        assert ticks
        holder().look()
        one.migration.refresh_from_db()
        return one.migration.state == SWITCHED

    eventually(rounds, what=SWITCHED)
    deliver_due()
    assert one.outcome() == THERE and one.open() == [one.stands]
    told = OutboxEvent.objects.filter(event="migration.changed").values_list("payload__state", flat=True)
    assert sorted(told) == sorted(state for _, state in WAY), "each piece of news once"


def test_two_watchdogs_give_a_tenant_back_once_or_in_turn(move: Any) -> None:
    """Nobody is at work and the fence is shut: whichever looks last has the last word, and both leave one owner."""
    one = move()
    before = one.stands
    fences.set_state(one.stores.blue, one.stores.id, "fenced")
    at_once(schedule.tick, schedule.tick)
    fences_now, (owner, epoch) = one.open(), one.stands
    assert owner == before[0] and epoch > before[1]
    assert fences_now == [(owner, epoch)]


def test_a_worker_that_slept_past_its_lease_changes_nothing(move: Any) -> None:
    """It stands at a commit, the lease runs out, the watchdog comes and another worker; then it wakes."""
    for at in random.Random(SEED).sample(range(1, 70), 12 if WHOLE else 1):
        one = move(f"sleeper-{at}")
        child = asleep(one, at)
        _, status = os.waitpid(child, os.WUNTRACED)
        assert os.WIFSTOPPED(status), f"commit {at} was not reached, seed {SEED}"
        Job.objects.filter(pk=one.job.pk).update(lease_until=now())
        schedule.tick()
        try:
            one.until(SWITCHED)
        finally:
            os.kill(child, signal.SIGCONT)
        kills.wait(child)
        assert one.outcome() == THERE, f"commit {at}, seed {SEED}"
        assert one.open() == [one.stands]
