"""A store that a tenant has left is erased with evidence; one that serves it never is."""

import random
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from django.db import IntegrityError, transaction

from compliance.inventory.actions import ask_removal, confirm_removal
from compliance.inventory.models import System
from lifecycle.retiring import actions
from lifecycle.retiring.models import Retirement
from lifecycle.stores.postgres import fences
from portal.access.actor import Actor
from portal.audit.models import Entry
from portal.embedded.stack import Stack
from portal.guards import refusals
from portal.jobs.models import Job
from portal.jobs.runner import run
from portal.lib.clock import now
from portal.lib.errors import Conflict
from portal.lib.ids import new_id
from tenants.models import Tenant
from tests.admin.world import person
from tests.holds.amid import COUNT, FILL, ROWS, placed_amid
from tests.migration.control.made import migration
from tests.sweeps import SEED, WHOLE

from .conftest import ACTOR, HOME, LEFT, Behind

TURNS, ROUNDS = (20, 5) if WHOLE else (1, 2)


def test_everything_there_goes_and_home_stays(behind: Behind) -> None:
    before, there = behind.rows(behind.home), behind.rows(behind.left)
    row = behind.retire()
    job = behind.go_on(row)
    assert job.state == "succeeded", job.error
    row.refresh_from_db()
    assert (row.state, row.key) == ("erased", None) and row.ended_at
    assert behind.rows(behind.left) == {} and behind.rows(behind.home) == before
    assert not fences.knows(behind.left, behind.tenant.pk) and fences.knows(behind.home, behind.tenant.pk)
    systems = row.evidence["systems"]
    rows = systems[f"postgres-{LEFT}"]["leaves"] + systems[f"vectors-{LEFT}"]["leaves"]
    assert rows == sum(there.values())
    for name in ("postgres", "vectors", "objects", "cache", "logs"):
        one = systems[f"{name}-{LEFT}"]
        assert one["before"] and one["leaves"] == one["acknowledged"] and one["after"] == 0, (name, one)
    about = Entry.objects.filter(object_type="retiring.retirement", object_id=str(row.pk)).order_by("id")
    verbs = list(about.values_list("verb", flat=True))
    assert verbs.index("store.listed") < verbs.index("store.retired")


def test_a_hold_stops_it_and_its_release_lets_it_go_on(behind: Behind) -> None:
    row, before = behind.retire(), behind.rows(behind.left)
    fences.set_hold(behind.left, behind.tenant.pk, True, 1)
    job = behind.go_on(row)
    assert job.state == "waiting" and "retained under law" in job.wait_reason
    assert behind.rows(behind.left) == before
    fences.set_hold(behind.left, behind.tenant.pk, False, 2)
    assert behind.go_on(row).state == "succeeded" and behind.rows(behind.left) == {}


def test_it_is_kept_as_long_as_was_said(behind: Behind) -> None:
    row, before = behind.retire(), behind.rows(behind.left)
    Retirement.objects.filter(pk=row.pk).update(retained_until=now() + timedelta(hours=1))
    run(row.job_id)  # type: ignore[arg-type]  # it has one
    assert "Kept until" in Job.objects.get(pk=row.job_id).wait_reason
    with pytest.raises(IntegrityError, match="it is kept until"), transaction.atomic():
        Retirement.objects.filter(pk=row.pk).update(state="erasing")
    assert behind.rows(behind.left) == before
    assert "retirement" in [one.by for one in refusals("migration.start", migration(behind.tenant))]
    Retirement.objects.filter(pk=row.pk).update(retained_until=now())
    assert behind.go_on(row).state == "succeeded" and behind.rows(behind.left) == {}


@pytest.mark.parametrize("turn", range(TURNS))
def test_what_is_there_when_a_hold_commits_is_there_in_the_end(behind: Behind, stack: Stack, turn: int) -> None:
    """Held at random instants of the decommission of 50,000 rows, which goes on by itself in between."""
    chance, tenant = random.Random(f"{SEED} {turn}"), behind.tenant.pk
    with psycopg.connect(**stack.superuser_kwargs(LEFT, "rag")) as db:
        db.execute("SET session_replication_role = replica")  # the store takes no writes any more
        db.execute(FILL, (tenant, ROWS - _there(behind)))
    row, is_over = behind.retire(), threading.Event()
    for number in range(ROUNDS):
        until = round(chance.uniform(0.3, 1) * _there(behind))
        with ThreadPoolExecutor(1) as pool:
            hold = pool.submit(placed_amid, behind.left, tenant, stack, until, is_over.is_set, chance)
            job = behind.go_on(row)
            is_over.set()
            at_commit = hold.result(120)
        assert at_commit == _there(behind) and (at_commit > 0 or number), (number, SEED)
        assert "retained under law" in job.wait_reason or (job.is_finished and not at_commit), (job.error, number, SEED)
        assert fences.set_hold(behind.left, tenant, False, fences.hold_of(behind.left, tenant)[1] + 1)
        is_over.clear()
    assert behind.go_on(row).state == "succeeded" and behind.rows(behind.left) == {}


def _there(behind: Behind) -> int:
    with psycopg.connect(**behind.left.database.connect_kwargs("verifier")) as db:
        return int((db.execute(COUNT, (behind.tenant.pk,)).fetchone() or (0,))[0])


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("UPDATE bw.fence SET state = 'open' WHERE tenant_id = %s", "takes writes"),
        ("UPDATE bw.fence SET capture = true WHERE tenant_id = %s", "still captured"),
    ],
)
def test_a_store_that_is_in_use_is_left_alone(behind: Behind, stack: Any, fault: str, words: str) -> None:
    row, before = behind.retire(), behind.rows(behind.left)
    with psycopg.connect(**stack.superuser_kwargs(LEFT, "rag")) as db:
        db.execute(fault, [behind.tenant.pk])
    job = behind.go_on(row)
    assert job.state == "failed" and words in job.error
    assert behind.rows(behind.left) == before


def test_what_nobody_would_look_at_is_not_erased(behind: Behind) -> None:
    cache = System.objects.get(name=f"cache-{LEFT}")
    ask_removal(cache.pk, actor=Actor.of_user(person("farah")), reason="test")
    confirm_removal(cache.pk, actor=Actor.of_user(person("priya")), reason="test")
    row, before = behind.retire(), behind.rows(behind.left)
    job = behind.go_on(row)
    assert job.state == "failed" and f"does not list cache-{LEFT}" in job.error
    assert behind.rows(behind.left) == before


def test_what_was_written_late_is_said_and_can_be_looked_at_again(behind: Behind) -> None:
    row = behind.retire()
    run(row.job_id)  # type: ignore[arg-type]  # it has one
    assert "being sealed" in Job.objects.get(pk=row.job_id).wait_reason
    with psycopg.connect(**behind.left.database.connect_kwargs("mover")) as db:
        db.execute("INSERT INTO rag.users (tenant_id, id, email) VALUES (%s, %s, 'late')", [behind.tenant.pk, new_id()])
    job = behind.go_on(row)
    assert job.state == "failed" and f"postgres-{LEFT}: 1 are still there" in job.error
    actions.look_again(row.pk, actor=ACTOR, reason="test")
    row.refresh_from_db()
    assert row.job_id != job.pk and row.state == "erasing"
    with pytest.raises(Conflict, match="being worked on"):
        actions.look_again(row.pk, actor=ACTOR, reason="test")


def test_where_the_tenant_is_served_nothing_is_retired(behind: Behind) -> None:
    given = {"occasion": "green", "actor": ACTOR, "reason": "test"}
    with pytest.raises(Conflict, match="served from"):
        actions.retire(behind.tenant.pk, HOME, subject=new_id(), **given)
    values = {"tenant": behind.tenant, "region": HOME, "occasion": "green", "subject": new_id(), "key": b"k"}
    with pytest.raises(IntegrityError, match="served from this store"), transaction.atomic():
        Retirement.objects.create(**values, requested_by="x", reason="x")
    row = behind.retire()
    assert actions.retire(behind.tenant.pk, LEFT, subject=row.subject, **given) == row, "said twice, done once"
    with pytest.raises(Conflict, match="already"):
        actions.retire(behind.tenant.pk, LEFT, subject=new_id(), **given)
    with pytest.raises(IntegrityError, match="is being erased"), transaction.atomic():
        Tenant.objects.filter(pk=behind.tenant.pk).update(region=LEFT)
    with pytest.raises(IntegrityError, match="never removed"), transaction.atomic():
        row.delete()
