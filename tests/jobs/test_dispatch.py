"""The dispatcher in this process: what is due is sent, on time, once; faults around it do not end it.

Celery runs tasks inline here (its own `task_always_eager`); test_processes has real workers.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import redis
from celery.signals import task_prerun
from django.db import connection, transaction

from portal.audit.models import Entry
from portal.celery import app
from portal.jobs import actions, dispatch, drive, outbox, runner, schedule
from portal.jobs.metrics import JobCollector
from portal.jobs.models import Job, ScheduleRun
from portal.lib.clock import now

from .deaf import Deaf
from .support import calls, due, eventually, fresh, start
from .test_leases import at_once

pytestmark = pytest.mark.django_db(transaction=True)
ran: list[str] = []


@pytest.fixture(autouse=True)
def inline() -> Iterator[None]:
    before = app.conf.task_always_eager
    app.conf.task_always_eager = True
    ran.clear()
    yield
    app.conf.task_always_eager = before


@contextmanager
def dispatching(**options: Any) -> Iterator[threading.Thread]:
    stop = threading.Event()
    thread = threading.Thread(target=dispatch.run, args=(stop,), kwargs=options)
    thread.start()
    try:
        yield thread
    finally:
        stop.set()
        thread.join(10)
        assert not thread.is_alive()


def test_what_is_due(world: Path) -> None:
    queued, later, never, woken = (start("waits", world) for _ in range(4))
    for job in (later, never, woken):
        runner.run(job.pk)
    Job.objects.filter(pk=later.pk).update(wake_at=now() + timedelta(seconds=60))
    actions.wake(woken.pk)
    assert due() == {queued.pk, woken.pk}
    assert 55 < (drive.next_due_at() - now()).total_seconds() < 60  # type: ignore[operator]
    Job.objects.filter(pk=later.pk).update(wake_at=now())
    assert due() == {queued.pk, woken.pk, later.pk}
    Job.objects.update(driven_at=now())
    assert due() == set()  # sent, not yet taken
    Job.objects.update(driven_at=now() - drive.RESEND - timedelta(seconds=1))
    assert due() == {queued.pk, woken.pk, later.pk}  # lost on the way


def test_what_the_queue_lost_is_sent_again_at_once(world: Path, settings: Any) -> None:
    job = start("three", world)
    drive.mind_the_queue()
    Job.objects.update(driven_at=now())
    drive.mind_the_queue()
    assert drive.send_due() == 0
    redis.Redis.from_url(settings.REDIS_URL).flushdb()
    drive.mind_the_queue()
    assert drive.send_due() == 1
    assert fresh(job).state == "succeeded"


def test_many_dispatchers_send_each_job_once(world: Path) -> None:
    jobs = [start("three", world) for _ in range(8)]
    assert sum(at_once(4, lambda _: drive.send_due())) == 8
    assert {fresh(job).state for job in jobs} == {"succeeded"}
    assert sorted(calls(world)) == ["first"] * 8 + ["second"] * 8 + ["third"] * 8


def test_in_a_crowd_one_message_is_for_several_and_each_of_them_runs(world: Path) -> None:
    sizes: list[int] = []

    def told(args: Any, **_: Any) -> None:
        sizes.append(len(args))

    task_prerun.connect(told)
    try:
        for many in (drive.CROWD - 1, drive.CROWD + 1):
            jobs = [start("three", world) for _ in range(many)]
            assert drive.send_due() == many
            assert {fresh(job).state for job in jobs} == {"succeeded"}
    finally:
        task_prerun.disconnect(told)
    assert sizes == [1] * 31 + [drive.TOGETHER] * 8 + [1]


def test_orphans_are_found_by_time_and_sent_once(world: Path) -> None:
    job = start("three", world)
    Job.objects.filter(pk=job.pk).update(driven_at=now())
    runner.claim(job.pk)
    schedule.redrive_orphans()
    assert fresh(job).state == "running"
    Job.objects.filter(pk=job.pk).update(lease_until=now() - timedelta(seconds=1))
    figures = {metric.name: metric.samples for metric in JobCollector().collect()}
    assert figures["bailiwick_jobs_orphaned"][0].value == 1
    schedule.redrive_orphans()
    assert fresh(job).state == "succeeded"


def test_an_orphan_of_a_dead_process_of_this_machine_need_not_wait(world: Path) -> None:
    job = start("three", world)
    turn = runner.claim(job.pk)
    assert turn is not None
    place, pid, started = turn.job.lease_holder.rsplit(":", 2)
    Job.objects.filter(pk=job.pk).update(lease_holder=f"{place}:{pid}:{int(started) - 5}")
    schedule.redrive_orphans()
    assert fresh(job).state == "succeeded"


@pytest.mark.parametrize("listen", [True, False])
def test_the_loop_delivers_and_sends_at_once(listen: bool, world: Path, settings: Any) -> None:
    settings.OUTBOX_SUBSCRIBERS = {"thing.done": ["tests.jobs.subscribers.one"]}
    with dispatching(listen=listen):
        for number in range(3):
            job = start("three", world)
            with transaction.atomic():
                outbox.emit("thing.done", {"n": number})
            eventually(lambda job=job: fresh(job).state == "succeeded", 5)
            eventually(lambda number=number: Entry.objects.filter(verb="heard.one").count() == number + 1, 5)


def test_a_pause_ends_when_it_is_over_not_at_the_next_look(world: Path) -> None:
    with dispatching(listen=True, schedule=False):
        job = start("flaky", world, params={"times": 1})
        eventually(lambda: fresh(job).state == "waiting")
        soon = now() + timedelta(milliseconds=300)
        Job.objects.filter(pk=job.pk).update(wake_at=soon)
        outbox.ring()
        eventually(lambda: fresh(job).state == "succeeded")
        assert 0 <= (fresh(job).finished_at - soon).total_seconds() < 0.9


def test_losing_the_database_for_a_moment_does_not_end_it(world: Path) -> None:
    with dispatching() as thread:
        first = start("three", world)
        eventually(lambda: fresh(first).state == "succeeded")
        for _ in range(3):
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid() AND usename = current_user"
                )
            job = start("three", world)
            eventually(lambda job=job: fresh(job).state == "succeeded")
        assert thread.is_alive()


def test_behind_a_pooler_that_swallows_rings_it_looks_often_instead(
    world: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    have = connection.settings_dict
    proxy = Deaf(have["HOST"], int(have["PORT"]))
    connection.close()
    monkeypatch.setitem(have, "HOST", "127.0.0.1")
    monkeypatch.setitem(have, "PORT", proxy.port)
    monkeypatch.setitem(have, "OPTIONS", {**have["OPTIONS"], "sslmode": "disable", "gssencmode": "disable"})
    monkeypatch.setattr(dispatch, "PROBE_SECONDS", 0.2)
    try:
        with dispatching():
            eventually(lambda: proxy.swallowed)
            for _ in range(3):
                job = start("three", world)
                eventually(lambda job=job: fresh(job).state == "succeeded", 5)
    finally:
        connection.close()
        proxy.close()


def entry_one() -> None:
    ran.append("one")


def entry_bad() -> None:
    ran.append("bad")
    raise RuntimeError("password=hunter2")


def test_the_schedule_runs_every_entry_and_a_bad_one_stops_nobody(settings: Any) -> None:
    settings.SCHEDULE = {f"{__name__}.entry_bad": 0.05, f"{__name__}.entry_one": 0.05, "no.such.entry": 0.05}
    with dispatching():
        eventually(lambda: ran.count("one") >= 3 and ran.count("bad") >= 3)
    errors = dict(ScheduleRun.objects.values_list("entry", "error"))
    assert errors[f"{__name__}.entry_bad"] == "RuntimeError: password=***"
    assert errors[f"{__name__}.entry_one"] == ""
    assert "ModuleNotFoundError" in errors["no.such.entry"]


def test_of_many_schedulers_one_runs_an_entry_per_period() -> None:
    assert sum(at_once(6, lambda _: schedule.claim("x", timedelta(seconds=60)))) == 1
    schedule.ScheduleRun.objects.filter(pk="x").update(held_until=None)
    assert not schedule.claim("x", timedelta(seconds=60))  # not yet due
    ScheduleRun.objects.filter(pk="x").update(started_at=now() - timedelta(seconds=61))
    assert schedule.claim("x", timedelta(seconds=60))
    ScheduleRun.objects.filter(pk="x").update(started_at=now() - timedelta(seconds=61))
    assert not schedule.claim("x", timedelta(seconds=60))  # still running somewhere
    ScheduleRun.objects.filter(pk="x").update(held_until=now() - timedelta(seconds=1))
    assert schedule.claim("x", timedelta(seconds=60))  # that scheduler has died


def test_figures(world: Path, settings: Any) -> None:
    settings.OUTBOX_SUBSCRIBERS = {"job.succeeded": ["no.such.module"]}
    job = start("three", world, tenant_id=uuid4())
    start("three", world)
    runner.run(job.pk)
    figures = {metric.name: metric.samples for metric in JobCollector().collect()}
    counts = {tuple(sample.labels.values()): sample.value for sample in figures["bailiwick_jobs"]}
    assert counts == {("test.three", "succeeded"): 1, ("test.three", "queued"): 1}
    assert {sample.labels["state"]: sample.value for sample in figures["bailiwick_outbox_deliveries"]} == {
        "pending": 1,
        "dead": 0,
    }
