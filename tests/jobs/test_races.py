"""Two verbs at once: exactly one wins, and no wake is lost."""

import shutil
from pathlib import Path
from uuid import uuid4

import pytest

from portal.jobs import actions, runner
from portal.jobs.models import Job, OutboxEvent, ResourceLease, Wake
from portal.jobs.schedule import clear_up
from portal.lib.errors import Conflict

from .support import ENGINEER, due, fresh, start
from .test_leases import at_once

pytestmark = pytest.mark.django_db(transaction=True)
ROUNDS = 12


def drain() -> None:
    while waiting := due():
        for job_id in waiting:
            runner.run(job_id)


def test_a_wake_against_going_to_wait(world: Path) -> None:
    for _ in range(ROUNDS):
        job = start("waits", world)

        def act(number: int, job: Job = job) -> None:
            if number:
                (world / "signed").touch()
                actions.wake(job.pk)
            else:
                runner.run(job.pk)

        at_once(2, act)
        drain()
        assert fresh(job).state == "succeeded"
        clear_up()  # one that was written while the job ended wakes nobody
        assert not Wake.objects.exists()
        (world / "signed").unlink()


def test_cancel_against_the_worker(world: Path) -> None:
    ends = set()
    for number in range(ROUNDS):
        job = start("undone", world, tenant_id=uuid4())
        (world / "go").touch()

        def act(who: int, job: Job = job, number: int = number) -> str:
            if not who:
                runner.run(job.pk)
                return "ran"
            while number % 2 and fresh(job).log_lines < number and not fresh(job).is_finished:
                pass
            try:
                actions.cancel_job(job.pk, actor=ENGINEER, reason="race")
            except Conflict:
                return "too late"
            return "cancelled"

        _, answer = at_once(2, act)
        ended = fresh(job).state
        ends.add(ended)
        assert ended == ("cancelled" if answer == "cancelled" else "succeeded")
        begun = job.steps.filter(attempts__gt=0).exists()
        assert Job.objects.filter(compensates=job).count() == (ended == "cancelled" and begun)
        events = [event.event for event in OutboxEvent.objects.filter(payload__job_id=str(job.pk))]
        assert events == [f"job.{ended}"]
        drain()
        assert not ResourceLease.objects.exists()
        shutil.rmtree(world / "effects", ignore_errors=True)
    assert "cancelled" in ends


def test_two_people_resume_and_undo_at_once(world: Path) -> None:
    verbs = (actions.resume_job, actions.compensate_job, actions.resume_job, actions.compensate_job)
    for _ in range(ROUNDS // 2):
        job = start("asks", world)
        runner.run(job.pk)

        def act(who: int, job: Job = job) -> bool:
            try:
                verbs[who](job.pk, actor=ENGINEER, reason="race")
            except Conflict:
                return False
            return True

        assert sum(at_once(4, act)) == 1
        drain()
        undone = Job.objects.filter(compensates=job).exists()
        assert (fresh(job).retries == 1) is not undone
