"""Objects are compared piece by piece: whoever comes after a dead worker goes on behind what was found alike."""

import os
import signal
from typing import Any

import pytest
from django.db import connections

from lifecycle.migration.control import move_at
from lifecycle.migration.engine import compare, objects
from lifecycle.migration.steps import sync
from lifecycle.stores import aws
from portal.embedded.stack import Stack
from portal.jobs import runner
from portal.jobs.context import StepContext
from portal.jobs.models import Job, Step
from portal.lib.clock import now
from tests.jobs.support import eventually
from tests.migration.control.running import NO_READS, SIDES, Running, running
from tests.migration.engine import kills

from .test_holder import work

pytestmark = pytest.mark.django_db(transaction=True)
KEYS = [f"originals/{number}" for number in range(6)]


@pytest.fixture
def one(shipped: None, stack: Stack, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Running:
    """A move of six objects, about to be verified two by two, a piece a turn."""
    settings.MIGRATION = {**settings.MIGRATION, **NO_READS, "budget_ms": 5_000, "gate_seconds": 3600}
    monkeypatch.setattr(compare, "PIECE", 2)
    made = running(stack.superuser_kwargs("control", "postgres"))
    for key in KEYS:
        aws.client(made.stores.blue, "s3").put_object(Bucket=bucket(made), Key=key, Body=key.encode())
    monkeypatch.setattr(sync, "SLICE_SECONDS", -1)
    verify = Step.objects.filter(job=made.job.pk, name="verify", evidence__has_key="objects_seen")
    eventually(lambda: work(made) or verify.exists(), what="a first piece")
    return made


def bucket(one: Running) -> str:
    return one.stores.names[SIDES[0]].bucket


def seen(one: Running) -> dict[str, Any]:
    return dict(Step.objects.get(job=one.migration.job_id, name="verify").evidence["objects_seen"])


def test_a_worker_that_is_killed_leaves_its_pieces(one: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    assert seen(one)["after"] == KEYS[1]
    note, job = StepContext.note, one.job.pk

    def killed(ctx: StepContext, **facts: Any) -> None:
        note(ctx, **facts)
        os.kill(os.getpid(), signal.SIGKILL)

    Job.objects.filter(pk=job).update(wake_at=now())
    connections.close_all()
    monkeypatch.setattr(StepContext, "note", killed)
    child = kills.fork(lambda: runner.run(job))
    monkeypatch.setattr(StepContext, "note", note)
    assert kills.wait(child) == -signal.SIGKILL
    assert seen(one)["after"] == KEYS[3], "one piece further"
    one.until("traffic_cutover_complete")
    told = Step.objects.get(job=job, name="verify").evidence["objects"]
    whole = compare.compare(move_at(one.migration, 0, one.stores.blue, one.stores.green))
    assert (told["total"], told["root_source"]) == (len(KEYS), whole.root_source) and whole.ok


def test_one_that_was_changed_behind_its_back_is_mended(one: Running) -> None:
    green = one.stores.green
    objects.remove(green, bucket(one), KEYS[4])
    aws.client(green, "s3").put_object(Bucket=bucket(one), Key=KEYS[4], Body=b"originals/9")
    one.until("traffic_cutover_complete")
    assert compare.compare(move_at(one.migration, 0, one.stores.blue, one.stores.green)).ok
