"""A change of status follows into every system, whatever is down, killed or overtaken meanwhile."""

import random
import threading
import time
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, connections

from lifecycle.stores.objects import buckets
from lifecycle.suspension import schedule
from lifecycle.suspension.cascade import bring
from lifecycle.suspension.jobs import KINDS, NAMES, SUSPENSION
from lifecycle.suspension.subscribers import tenant_changed
from lifecycle.suspension.systems import SYSTEMS, Place
from portal.jobs import runner
from portal.jobs.models import Job
from portal.lib.clock import now
from portal.notify.models import Notice
from tenants import actions
from tenants.models import StatusChange

from .conftest import AS_IS, SHUT, SYSTEM, World, deliver, follow, said, work

pytestmark = pytest.mark.django_db(transaction=True)
FOLLOWING = [system for system in SYSTEMS if system.name in ("postgres", "objects", "cache", "logs")]


def move(world: World, word: str) -> None:
    actions.move(world.tenant.pk, word, actor=SYSTEM, reason="test")


def test_there_and_back_and_away(world: World) -> None:
    before = buckets.read(world.region, world.names.bucket)
    move(world, "suspend")
    job = follow(world)
    assert (job.kind, job.state, world.now()) == ("suspension", "succeeded", SHUT)
    assert said(job) == {
        "postgres": "fenced", "vectors": "read-only", "objects": "denied", "cache": "off", "logs": "tagged suspended",
        "api_keys": "refused", "usage": "skipped", "backups": "skipped", "settle": "succeeded",
    }  # fmt: skip
    assert {step.name for step in job.steps.filter(state="skipped")} == {"usage", "backups"}
    move(world, "reactivate")
    job = follow(world)
    assert (job.kind, job.state, world.now()) == ("reactivation", "succeeded", AS_IS)
    assert said(job)["api_keys"] == "admitted" and buckets.read(world.region, world.names.bucket) == before
    move(world, "suspend")
    move(world, "archive")
    assert follow(world).kind == "archive"
    assert world.now() == {**SHUT, "objects": ("s3:*",), "logs": "archived"}
    assert [job.state for job in world.jobs()] == ["succeeded"] * 4


def test_what_starts_a_job(world: World) -> None:
    """Every change from every status to every other; an edit and a restriction start none."""
    statuses = ["requested", "provisioning", "active", "suspended", "archived", "erasing", "deleted", "failed"]
    for number, (old, new) in enumerate(((old, new) for old in statuses for new in statuses), start=1000):
        StatusChange.objects.create(version=number, tenant=world.tenant, old=old, new=new, actor="system:test")
        before = len(world.jobs())
        tenant_changed({"tenant_id": str(world.tenant.pk), "status": new, "status_version": number})
        started = [job.kind for job in world.jobs()[before:]]
        assert started == ([KINDS[old, new].name] if (old, new) in KINDS else []), (old, new)
    before = len(world.jobs())
    actions.restrict(world.tenant.pk, actor=SYSTEM, reason="incident")
    actions.edit(world.tenant.pk, actor=SYSTEM, reason="typo", display_name="Other")
    deliver()
    assert len(world.jobs()) == before


def test_a_later_change_wins_over_a_job_that_comes_late(world: World) -> None:
    move(world, "suspend")
    deliver()
    [late] = world.jobs()
    move(world, "reactivate")
    follow(world)
    late = Job.objects.get(pk=late.pk)
    assert late.state == "succeeded" and set(said(late).values()) == {"superseded", "succeeded"}
    assert set(late.steps.exclude(name="settle").values_list("state", flat=True)) == {"skipped"}
    assert world.now() == AS_IS


def test_a_store_that_is_away_holds_up_no_other_and_is_told(world: World) -> None:
    world.break_region("cache", port=1)
    move(world, "suspend")
    deliver()
    [job] = world.jobs()
    runner.run(job.pk)
    states = said(job)
    assert states["cache"] == "pending" and states["postgres"] == "fenced" and states["objects"] == "denied"
    assert job.steps.get(name="cache").state == "skipped"
    job = work(job)
    assert job.state == "failed" and "Still open: cache" in job.error
    assert set(job.steps.get(name="settle").evidence["open"]) == {"cache"}
    deliver()
    assert Notice.objects.filter(event="job.failed", tenant_id=world.tenant.pk).exists()
    [restore] = world.jobs("status.restore")
    world.break_region("cache", port=world.region.cache.port)
    assert work(restore).state == "succeeded" and world.now() == SHUT


def test_what_undoes_a_failed_job_asks_the_registry_where_to_go(world: World) -> None:
    world.platform.is_away = True
    move(world, "suspend")
    deliver()
    assert work(world.jobs()[0]).state == "failed" and world.now() == SHUT
    world.platform.is_away = False
    move(world, "reactivate")  # meanwhile somebody changed their mind
    follow(world)
    assert world.now() == AS_IS
    assert [(job.kind, job.state) for job in world.jobs()] == [
        ("suspension", "failed"), ("status.restore", "succeeded"), ("reactivation", "succeeded"),
    ]  # fmt: skip


def test_a_database_that_is_away_is_pending_and_never_fenced(world: World) -> None:
    world.break_region("database", port=1)
    move(world, "suspend")
    deliver()
    [job] = world.jobs()
    runner.run(job.pk)
    assert said(job)["postgres"] == "pending" and said(job)["objects"] == "denied"
    world.break_region("database", port=world.region.database.port)
    assert work(job).state == "succeeded" and world.now() == SHUT
    assert job.steps.get(name="settle").evidence["settled"]["postgres"] == "fenced"


def test_what_failed_for_good_is_tried_again_every_hour(world: World, time_machine: Any) -> None:
    world.platform.is_away = True
    move(world, "suspend")
    follow(world)
    follow(world)
    assert [job.state for job in world.jobs()] == ["failed", "failed"]
    schedule.tick()
    assert len(world.jobs()) == 2
    at = now()
    time_machine.move_to(at + timedelta(hours=1, seconds=1))
    schedule.tick()
    schedule.tick()
    [*_, again] = world.jobs()
    assert len(world.jobs()) == 3 and again.kind == "status.restore"
    world.platform.is_away = False
    time_machine.move_to(at)  # stores refuse a clock that is wrong
    assert work(again).state == "succeeded"
    time_machine.move_to(at + timedelta(hours=2))
    schedule.tick()
    assert len(world.jobs()) == 3


def test_suspended_and_reactivated_within_two_milliseconds(world: World) -> None:
    """Thirty rounds; each system's worker of either change runs whenever it gets to it."""
    for number in range(30):
        words = ("suspend", "reactivate") if number % 3 else ("suspend", "reactivate", "suspend")
        first = StatusChange.objects.count()
        threads = []
        for word in words:
            move(world, word)
            threads += [threading.Thread(target=_bring, args=(system, world)) for system in FOLLOWING]
            for thread in threads[-len(FOLLOWING) :]:
                thread.start()
            time.sleep(random.uniform(0, 0.002))  # how far apart the changes are, not a wait
        for thread in threads:
            thread.join(60)
        assert StatusChange.objects.count() == first + len(words)
        assert world.now() == (SHUT if words[-1] == "suspend" else AS_IS), number
        if words[-1] == "suspend":
            move(world, "reactivate")
            for system in FOLLOWING:
                bring(system, world.tenant.pk)


def _bring(system: Any, world: World) -> None:
    try:
        bring(system, world.tenant.pk)
    finally:
        connections.close_all()


def test_a_worker_that_slept_over_a_change_corrects_what_it_wrote(world: World) -> None:
    """It read `suspended`, slept while the tenant was reactivated everywhere, and wrote what it had read."""
    slept = []

    def sleepy(place: Place) -> dict[str, Any]:
        if not slept:
            slept.append(place.stands.status)
            move(world, "reactivate")
            for system in FOLLOWING:
                bring(system, world.tenant.pk)
        return next(one for one in SYSTEMS if one.name == "objects").bring(place)

    move(world, "suspend")
    found = bring(type(SYSTEMS[0])("objects", "", sleepy), world.tenant.pk)
    assert slept == ["suspended"] and found["status"] == "active" and world.now() == AS_IS


@pytest.mark.parametrize("when", ["before", "after"])
def test_killed_in_any_step_the_end_is_the_same(world: World, when: str) -> None:
    """The worker is gone around the system's call: its successor begins the step again, whatever has changed since."""
    steps = [step.name for step in SUSPENSION.steps]
    for name in steps[:6]:
        move(world, "suspend")
        deliver()
        job = world.jobs("suspension")[-1]
        _die(job, name, when)
        assert Job.objects.get(pk=job.pk).state == "running"
        if name in steps[::2]:
            move(world, "reactivate")
            follow(world)
        assert work(job).state == "succeeded"
        assert world.now() == (AS_IS if name in steps[::2] else SHUT), name
        if name not in steps[::2]:
            move(world, "reactivate")
            follow(world)
    assert not Job.objects.filter(kind__in=NAMES).exclude(state="succeeded").exists()


def _die(job: Job, name: str, when: str) -> None:
    """Work on the job up to this step, do its work or not, and write nothing down."""
    turn = runner.claim(job.pk)
    while turn is not None and turn.step.name != name:
        turn = runner.settle(turn, runner.attempt(turn))
    assert turn is not None
    if when == "after":
        runner.attempt(turn)
    with connection.cursor() as cursor:  # its lease runs out
        cursor.execute("UPDATE jobs_job SET lease_until = now() - interval '1 minute' WHERE id = %s", [job.pk])
