"""The whole job killed with SIGKILL: one certificate, and exactly what was listed is gone.

At each step: at points inside, right before its outcome is committed and right after. `make test` draws one of them
for each step by a printed seed; BAILIWICK_SWEEPS=all goes on until every point of every step was one.
"""

import os
import random
import signal
from dataclasses import replace
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any
from unittest.mock import ANY
from zipfile import ZipFile

import pytest

from compliance.certificates import store
from compliance.certificates.models import Certificate
from compliance.erasing.models import ErasureRequest
from compliance.inventory.models import Finding
from portal.audit.models import Entry
from portal.jobs import actions
from portal.jobs.models import Delivery, Job, LogLine, OutboxEvent, Step
from portal.lib.clock import now
from tests.jobs.support import eventually
from tests.jobs.test_leases import at_once
from tests.suspension.conftest import deliver
from tests.sweeps import SEED, WHOLE

from .conftest import BATCH, OWNED, Worker, World

pytestmark = pytest.mark.django_db(transaction=True)
CHUNK, LAST = 4, 160  # points of a step
ENDS = [(0, "before", "SIGKILL"), (0, "after", "SIGKILL")]


def begun(world: World) -> tuple[ErasureRequest, Job]:
    request = world.due()
    world.news()
    [job] = world.jobs()
    return request, job


def through(world: World, job: Job, deaths: dict[str, list[Any]]) -> list[tuple[str, int]]:
    """Work until it has ended, each turn with the next death of each step; returns where it was killed."""
    died = []
    for _turn in range(400):
        turn = world.worker.run(job, {step: left[0] for step, left in deaths.items() if left})
        if turn["at"]:
            assert turn["status"] == signal.SIGKILL
            deaths[turn["at"][0]].pop(0)
            died.append(tuple(turn["at"]))
        job.refresh_from_db()
        if job.is_finished:
            assert job.state == "succeeded", (job.error, drift())
            return died
        if job.state == "waiting":
            world.news()
            actions.wake(job.pk)
    raise AssertionError(f"{job.state}: {job.wait_reason}; {died}")


def holds(world: World, request: ErasureRequest, before: dict[str, int], beside: list[Any]) -> None:
    """One certificate, of what is gone: as many as were listed, and no neighbour has changed."""
    request.refresh_from_db()
    assert request.state == "completed", (request.state, request.reasons)
    [certificate] = Certificate.objects.all()
    assert (certificate.state, certificate.pk) == ("issued", request.certificate_id)
    systems = {one.name.rpartition("-ap-")[0]: one for one in certificate.certified.erasure.systems}
    after = world.settled.counts()
    went = {table: number - after.get(table, 0) for table, number in before.items() if table != "usage_counters"}
    assert went.pop("chunk_vectors") == systems["vectors"].targeted == 30
    assert sum(went.values()) == systems["postgres"].targeted > 10 * BATCH
    assert (systems["objects"].targeted, systems["cache"].targeted) == (10, 1)
    for one in systems.values():
        assert (one.acknowledged, one.absent_after, one.residual) == (one.targeted, one.targeted, 0), one
        assert (one.manifest.leaves if one.manifest else 0) == one.targeted
    assert world.settled.ask(OWNED, world.settled.id, world.settled.ann) == []
    assert world.seen() == beside
    names_nobody(world, certificate, job_id=request.job_id)


def names_nobody(world: World, certificate: Certificate, job_id: Any) -> None:
    """Neither certificate, evidence, ledger, news, jobs nor the workers' logs say who it was."""
    whom = (str(world.settled.ann), world.settled.ann.hex, f"ann{world.settled.id}", "asha.rao")
    with ZipFile(BytesIO(store.fetch("evidence", certificate.archive_digest))) as archive:
        said = [archive.read(name).decode("latin-1") for name in archive.namelist()]
    said += [certificate.document, world.worker.log.read_text()]
    said += Entry.objects.values_list("body", flat=True)
    said += [str(one) for one in OutboxEvent.objects.values_list("payload", flat=True)]
    said += [f"{one.text}" for one in LogLine.objects.filter(job_id=job_id)]
    said += [f"{one.evidence} {one.error}" for one in Step.objects.filter(job_id=job_id)]
    assert [text[:2000] for text in said if any(name in text for name in whom)] == []


def drift() -> list[tuple[str, str]]:
    return list(Finding.objects.filter(resolved_at=None).values_list("kind", "what"))


def drawn(steps: list[str], chance: random.Random) -> dict[str, list[Any]]:
    inside = {step: [(chance.randint(1, 12), chance.choice(["before", "after"]), "SIGKILL")] for step in steps}
    every = {step: [*points, *ENDS] for step, points in inside.items()}
    return every if WHOLE else {step: [chance.choice(points)] for step, points in every.items()}


def test_killed_at_every_boundary_and_inside_each_step(world: World) -> None:
    print(f"seed {SEED}")
    before, beside = world.settled.counts(), world.seen()
    request, job = begun(world)
    steps = list(job.steps.values_list("name", flat=True))
    died = through(world, job, drawn(steps, random.Random(SEED)))
    request.refresh_from_db()
    assert {step for step, _ in died} == set(steps), (request.reasons, job.error, drift())
    holds(world, request, before, beside)


@pytest.mark.skipif(not WHOLE, reason="the sample above is of these")
@pytest.mark.parametrize("first", range(1, LAST + 1, CHUNK))
def test_killed_at_every_point(world: World, first: int) -> None:
    """After so many points of each step, and after some more of what is left then; beyond the last nothing happens."""
    before, beside = world.settled.counts(), world.seen()
    request, job = begun(world)
    points = [(first + n, "after", "SIGKILL") for n in range(CHUNK)]
    died = through(world, job, {step.name: list(points) for step in job.steps.all()})
    holds(world, request, before, beside)
    print(f"{len(died)} deaths")
    if first + CHUNK > LAST:
        more = {step for step, point in died if point}
        assert not more, f"{more} have more points than were tried: raise LAST"


def test_a_worker_that_slept_through_its_successor_changes_nothing(world: World, second: Worker) -> None:
    """It stops in the middle of deleting, another one takes over and comes to the end; then it wakes up."""
    before, beside = world.settled.counts(), world.seen()
    request, job = begun(world)
    world.worker.run(job)
    assert job.steps.get(name="list").state == "waiting"
    world.news()
    actions.wake(job.pk)
    pid = world.worker.begin(job, {"delete": (random.Random(SEED).randint(3, 9), "before", "SIGSTOP")})
    eventually(lambda: standing_still(pid), what=f"process {pid} standing still")
    Job.objects.filter(pk=job.pk).update(lease_until=now() - timedelta(seconds=1))
    through(replace(world, worker=second), job, {})
    holds(world, request, before, beside)
    os.kill(pid, signal.SIGCONT)
    assert world.worker.heard() == {"status": 0, "at": ["delete", ANY]}, "superseded, and no more than that"
    holds(world, request, before, beside)


def standing_still(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


def test_a_message_delivered_twice_begins_one_job_and_certifies_once(
    world: World, second: Worker, settings: Any
) -> None:
    before, beside = world.settled.counts(), world.seen()
    settings.OUTBOX_SUBSCRIBERS = {**settings.OUTBOX_SUBSCRIBERS, "erasure.due": []}
    request = world.due()

    def again() -> None:
        for _twice in range(2):
            event = OutboxEvent.objects.create(event="erasure.due", payload={"request_id": str(request.pk)})
            Delivery.objects.create(event=event, subscriber="lifecycle.erasure.subscribers.due")
        at_once(2, lambda number: deliver())

    again()
    [job] = world.jobs()
    for one in (world.worker, second):
        one.begin(job)
    assert [one.heard()["status"] for one in (world.worker, second)] == [0, 0]
    again()
    through(world, job, {})
    again()
    assert [one.state for one in world.jobs()] == ["succeeded"]
    holds(world, request, before, beside)
