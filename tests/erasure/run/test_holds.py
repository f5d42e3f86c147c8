"""Holds in the middle of the job: nothing goes while one stands; with the last release it lists anew and goes on."""

from typing import Any

import psycopg
import pytest

from compliance.certificates.models import Certificate
from compliance.holds import actions as holds
from compliance.holds.models import Hold, StoreHold
from portal.audit.models import Entry
from portal.embedded.stack import Stack
from portal.jobs import actions
from portal.jobs.models import Job
from tests.erasing.made import act
from tests.sealing import seal_here
from tests.suspension.conftest import deliver

from .conftest import World
from .test_kills import begun

pytestmark = pytest.mark.django_db(transaction=True)
LATE = "INSERT INTO rag.query_history (tenant_id, id, user_id, q, k) VALUES (%s, gen_random_uuid(), %s, 'late', 1)"


def place(world: World) -> Hold:
    said = {"kind": "litigation", "matter": "Rao against Meridian", "reason": "A suit was filed."}
    made = holds.place(world.tenant.pk, actor=act("thomas"), **said)
    work(world)
    made.refresh_from_db()
    assert made.state == "active"
    return made


def release(world: World, hold: Hold) -> None:
    holds.ask_release(hold.pk, actor=act("thomas"), reason="settled")
    holds.confirm_release(hold.pk, actor=act("farah"), reason="read it")
    seal_here()
    work(world)


def work(world: World) -> None:
    """What dispatcher and workers do by themselves: news is delivered, and each job that is due has its turns."""
    for _round in range(12):
        seal_here()
        deliver()
        for job in Job.objects.unfinished():
            world.worker.run(job)
    deliver()


def arrives(stack: Stack, world: World) -> None:
    """Something of the person that came in past the fence, as by a copy that was brought back."""
    with psycopg.connect(**stack.superuser_kwargs(world.region.name), autocommit=True) as db:
        db.execute("SET session_replication_role = replica")
        db.execute(LATE, (world.settled.id, world.settled.ann))


def listings() -> list[Any]:
    return [one.data for one in Entry.objects.filter(verb="erasure.listed").order_by("id")]


def went(before: dict[str, int], world: World) -> int:
    """How many of the person's rows are gone; vectors are a system of their own, counters nobody's."""
    apart, after = ("chunk_vectors", "usage_counters"), world.settled.counts()
    return sum(number - after.get(table, 0) for table, number in before.items() if table not in apart)


def into_it(world: World, job: Job, before: dict[str, int]) -> None:
    """Have the removal killed, a little later each time, until rows are gone: systems go side by side."""
    for point in range(12, 80, 3):
        assert world.worker.run(job, {"delete": (point, "after", "SIGKILL")})["at"]
        job.steps.filter(name="delete").update(losses=0)  # else it is given up after so many
        if went(before, world):
            return
    raise AssertionError("no row went")


def test_two_that_overlap_and_what_came_meanwhile(world: World, own: tuple[Stack, Any]) -> None:
    before, beside, rows = world.settled.counts(), world.seen(), f"postgres-{world.region.name}"
    request, job = begun(world)
    world.worker.run(job)
    world.news()
    actions.wake(job.pk)
    into_it(world, job, before)
    one, two = place(world), place(world)
    held = world.settled.seen()
    assert sum(world.settled.counts().values()) < sum(before.values()), "it had begun"
    request.refresh_from_db()
    assert request.state == "legal_hold_blocked" and len(listings()) == 1
    assert request.counts["systems"][rows]["gone"] == went(before, world) > 0, "what is said to be gone is"
    assert {kept.destroyed.get("postgres") for kept in StoreHold.objects.filter(destroyed__isnull=False)} == {
        went(before, world)
    }
    arrives(own[0], world)
    release(world, one)
    request.refresh_from_db()
    assert request.state == "legal_hold_blocked", "the other one stands"
    assert {name: seen for name, seen in world.settled.seen().items() if name != "query_history"} == {
        name: seen for name, seen in held.items() if name != "query_history"
    }
    release(world, two)
    work(world)
    request.refresh_from_db()
    assert request.state == "completed", (request.state, request.reasons, Job.objects.get(pk=job.pk).wait_reason)
    first, again = (one["manifest"] for one in listings())
    assert again[rows][1] == first[rows][1] + 1 and again[rows][0] != first[rows][0]
    [certificate] = Certificate.objects.filter(state="issued")
    [found] = [one for one in certificate.certified.erasure.systems if one.name == rows]
    assert found.manifest and [found.manifest.root, found.manifest.leaves] == again[rows]
    assert (found.acknowledged, found.residual) == (again[rows][1], 0) and world.seen() == beside
