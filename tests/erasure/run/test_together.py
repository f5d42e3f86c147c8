"""Erasures that wait side by side are looked for by one of them, and each is judged by itself, whoever dies."""

import signal
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest

from compliance.certificates.models import Certificate
from compliance.erasing import looks
from compliance.erasing.models import ErasureRequest, Look
from lifecycle.erasure.looking import SHARED
from portal.embedded.stack import Stack
from portal.jobs.models import Job
from portal.lib.clock import now
from tenants.models import Tenant
from tests.erasing.made import ask, scheduled

from .conftest import REGION, World
from .test_hostile import REMOVED
from .test_hostile import through as up_to
from .test_kills import through

pytestmark = pytest.mark.django_db(transaction=True)


def two(world: World) -> list[tuple[ErasureRequest, Job]]:
    """Both people of the tenant are to go, and both jobs stand at their beginning."""
    made = [world.due(), scheduled(ask(world.tenant, "farah", user_id=world.settled.bob))]
    world.news()
    by_subject = {job.subject_id: job for job in world.jobs()}
    return [(one, by_subject[str(one.pk)]) for one in made]


def waits_for_the_others(job: Job) -> bool:
    job.refresh_from_db()
    return job.state == "waiting" and "together" in job.wait_reason


def test_one_looks_for_both_and_a_killed_one_leaves_it_to_its_next_attempt(world: World) -> None:
    beside = world.seen()
    (ann, first), (bob, other) = two(world)
    assert world.worker.run(first, {"before": (9, "after", "SIGKILL")})["status"] == signal.SIGKILL
    assert Look.objects.get(pk=first.pk).taken_by == first.pk, "it died while it looked"
    world.worker.run(other)
    assert waits_for_the_others(other) and Look.objects.get(pk=other.pk).seen is None
    world.worker.run(first)
    assert Look.objects.get(pk=other.pk).seen is not None, "the next attempt took both"
    for job in (first, other):
        through(world, job, {})
    for one, rows in ((ann, {"together": 2}), (bob, {"together": 2})):
        one.refresh_from_db()
        check = one.systems.get(system="postgres").checks[0]
        assert one.state == "completed" and check["stage"] == "before" and check["found"] > 0, one.reasons
        assert {name: check[name] for name in rows} == rows
    found = [one.certified.erasure for one in Certificate.objects.order_by("serial")]
    counted = [{one.name: one.targeted for one in erasure.systems} for erasure in found]
    assert len(found) == 2 and counted[0] != counted[1], "each with its own figures"
    assert not Look.objects.exists() and world.seen() == beside
    assert not {"documents", "chunks", "chunk_vectors", "sessions"} & world.settled.counts().keys()


def test_what_two_removed_is_cleared_once(world: World, own: tuple[Stack, Path]) -> None:
    (_, first), (_, other) = two(world)
    for job in (first, other):
        up_to(world, job, REMOVED)
    before = vacuums(own[0])
    assert world.worker.run(first, {"verify": (4, "after", "SIGKILL")})["status"] == signal.SIGKILL
    assert Look.objects.get(pk=first.pk).taken_by == first.pk and vacuums(own[0]) == before, "it had just begun"
    world.worker.run(other)
    assert waits_for_the_others(other)
    world.worker.run(first)
    assert Look.objects.get(pk=other.pk).seen is not None and vacuums(own[0]) == before + 1


def vacuums(stack: Stack) -> int:
    """How often the table of everybody's documents was vacuumed by somebody's word."""
    with psycopg.connect(**stack.superuser_kwargs(REGION)) as db:
        counted = "SELECT vacuum_count FROM pg_stat_all_tables WHERE schemaname = 'rag' AND relname = 'documents'"
        return int((db.execute(counted).fetchone() or (0,))[0])


def test_what_is_said_twice_alike_is_said_once_and_a_shared_canary_says_when(world: World) -> None:
    (ann, job), _ = two(world)
    through(world, job, {})
    ann.refresh_from_db()
    for run in ann.systems.filter(system__in=["postgres", "cache", "objects"]):
        asked = [(check["query"], bool(check["asked"])) for check in run.checks]
        assert len({query for query, said in asked if said}) == sum(said for _query, said in asked)
        assert all(check["at"] and check["together"] >= 1 for check in run.checks)
    proven = [one for run in ann.systems.all() for one in run.checks if one["planted"] and one["stage"] == "before"]
    assert all(one["proven_at"] >= one["at"] for one in proven) and str(SHARED) not in str(proven)


def test_a_neighbour_that_erases_meanwhile_is_no_witness(world: World) -> None:
    ann = world.due()
    beside = Tenant.objects.get(pk=world.beside[0].id)
    other = scheduled(ask(beside, "farah", user_id=world.beside[0].ann))
    world.news()
    jobs = {job.subject_id: job for job in world.jobs()}
    first, second = jobs[str(ann.pk)], jobs[str(other.pk)]
    world.worker.run(first)
    assert len(first.steps.get(name="neighbours").evidence["tenants"]) == 2, "it is fixed who is looked at"
    for job in (second, first):
        through(world, job, {})
    for one in (ann, other):
        one.refresh_from_db()
        assert one.state == "completed", one.reasons
    witnesses = Certificate.objects.get(tenant_id=world.tenant.pk).certified.erasure.neighbours
    assert len(witnesses) == 1 and witnesses[0].before == witnesses[0].after


def test_a_look_that_was_read_too_late_is_none(world: World) -> None:
    (ann, job), _ = two(world)
    row = looks.wish(job.pk, ann.pk, "after")
    assert [one.pk for one in looks.take(job.pk)] == [job.pk]
    looks.keep(job.pk, {job.pk: []}, now() - looks.FRESH - timedelta(seconds=1))
    again = looks.wish(job.pk, ann.pk, "after")
    assert again.seen_at is None and again.asked_at > row.asked_at
    looks.keep(job.pk, {job.pk: []}, now())
    assert looks.wish(job.pk, ann.pk, "after").seen == [], "what was seen lately stands"
    assert looks.wish(job.pk, ann.pk, "resweep").seen is None, "and says nothing of another stage"


def test_in_a_crowd_one_gathers_the_others(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    (ann, first), (bob, other) = two(world)
    monkeypatch.setattr(looks, "CROWD", 0)
    monkeypatch.setattr(looks, "RUNNING", (ann.state, bob.state))  # before their first step, and as if after it
    assert looks.gathers_until(looks.wish(first.pk, ann.pk, "before")) is None, "nobody was looked for a moment ago"
    looks.take(first.pk)
    looks.keep(first.pk, {first.pk: []}, now())
    row = looks.wish(other.pk, bob.pk, "before")
    until = looks.gathers_until(row)
    assert until is not None and now() < until <= now() + looks.GATHER
    row.asked_at -= 3 * looks.GATHER
    assert looks.gathers_until(row) is None, "who has waited long is looked for"
    row.refresh_from_db()
    looks.wish(first.pk, ann.pk, "after")
    assert looks.gathers_until(row) is None, "when more than half of them wait there is nobody to wait for"
    monkeypatch.setattr(looks, "CROWD", 12)
    row.refresh_from_db()
    assert looks.gathers_until(row) is None, "two are no crowd"
