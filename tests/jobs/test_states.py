"""The state machine: the table below is the specification; code and database refuse everything else."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django_fsm import TransitionNotAllowed

from portal.jobs import runner
from portal.jobs.models import FINISHED, WORKED_ON, Job, JobState
from portal.lib.clock import now

from .support import fresh, start

pytestmark = pytest.mark.django_db
VERBS: dict[str, tuple[Callable[[Job], None], set[str], str]] = {
    "begin": (lambda job: job.begin(now()), {"queued", "waiting", "running"}, "running"),
    "wait": (lambda job: job.wait(None, "x"), {"running"}, "waiting"),
    "succeed": (lambda job: job.succeed(now()), {"running"}, "succeeded"),
    "fail": (lambda job: job.fail(now(), "x"), {"running"}, "failed"),
    "request_cancel": (lambda job: job.request_cancel(), {"running"}, "cancelling"),
    "cancel": (lambda job: job.cancel(now()), {"queued", "waiting", "cancelling"}, "cancelled"),
    "resume": (lambda job: job.resume(), {"failed"}, "queued"),
}
MOVES = {(source, target) for _, sources, target in VERBS.values() for source in sources}


WAYS = {
    "queued": [],
    "running": ["running"],
    "waiting": ["running", "waiting"],
    "cancelling": ["running", "cancelling"],
    "succeeded": ["running", "succeeded"],
    "failed": ["running", "failed"],
    "cancelled": ["cancelled"],
}


def in_state(state: str, world: Path) -> Job:
    """A job brought to `state` by allowed moves, without the runner."""
    job = start("three", world)
    for stop in WAYS[state]:
        Job.objects.filter(pk=job.pk).update(**looks(stop))
    return fresh(job)


def looks(state: str) -> dict[str, Any]:
    """The columns that go with a state."""
    is_worked_on = state in WORKED_ON
    return {
        "state": state,
        "finished_at": now() if state in FINISHED else None,
        "lease_holder": "somebody" if is_worked_on else "",
        "lease_until": now() if is_worked_on else None,
    }


@pytest.mark.parametrize("state", JobState.values)
@pytest.mark.parametrize("verb", VERBS)
def test_matrix(state: str, verb: str, world: Path) -> None:
    job = in_state(state, world)
    act, sources, target = VERBS[verb]
    if state in sources:
        act(job)
        job.lease_holder, job.lease_until = looks(target)["lease_holder"], looks(target)["lease_until"]
        job.save()
        assert fresh(job).state == target
    else:
        with pytest.raises(TransitionNotAllowed):
            act(job)
        assert fresh(job).state == state


@pytest.mark.parametrize("source", JobState.values)
@pytest.mark.parametrize("target", JobState.values)
def test_the_database_repeats_the_matrix(source: str, target: str, world: Path) -> None:
    job = in_state(source, world)
    move = Job.objects.filter(pk=job.pk)
    change = {**looks(target), "retries": job.retries + (source == "failed")}
    if (source, target) in MOVES or (source == target and source not in FINISHED):
        assert move.update(**change) == 1
    else:
        with pytest.raises(DatabaseError), transaction.atomic():
            move.update(**change)
        assert fresh(job).state == source


@pytest.mark.parametrize("state", sorted(FINISHED))
def test_a_finished_job_and_its_steps_never_change(state: str, world: Path) -> None:
    job = start("three", world)
    runner.run(job.pk)
    if state != "succeeded":
        job = in_state(state, world)
    for change in ({"title": "x"}, {"params": {}}, {"error": "x"}, {"log_lines": 99}):
        with pytest.raises(DatabaseError), transaction.atomic():
            Job.objects.filter(pk=job.pk).update(**change)
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM jobs_job WHERE id = %s", [job.pk])


def test_done_steps_and_log_lines_never_change(world: Path) -> None:
    job = start("three", world)
    runner.run(job.pk)
    for rows in (job.steps.all(), job.log.all()):
        with pytest.raises(DatabaseError), transaction.atomic():
            rows.update(**({"evidence": {}} if rows.model.__name__ == "Step" else {"text": "x"}))
    with pytest.raises(DatabaseError), transaction.atomic():
        job.steps.all()._raw_delete("default")


@pytest.mark.parametrize(
    "change",
    [
        {"state": "lost"},
        {"state": "running"},
        {"state": "succeeded"},
        {"finished_at": now()},
        {"job_epoch": -1},
    ],
)
def test_rows_that_make_no_sense_are_refused(change: dict[str, Any], world: Path) -> None:
    job = start("three", world)
    with pytest.raises(DatabaseError), transaction.atomic():
        Job.objects.filter(pk=job.pk).update(**change)
