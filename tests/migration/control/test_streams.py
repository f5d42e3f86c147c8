"""A move whose changes come from the servers' own streams: asked for, shown, looked after, and over without a trace."""

from typing import Any
from uuid import uuid4

import psycopg
import pytest
from django.test import Client

from lifecycle.migration import actions, slots
from lifecycle.migration.control import move_at
from lifecycle.migration.engine import native
from lifecycle.migration.engine.move import acknowledge_in
from lifecycle.migration.metrics import MigrationCollector
from lifecycle.migration.models import Migration
from lifecycle.migration.planning import digest_now, digest_of, regions
from lifecycle.migration.recording import _record
from lifecycle.migration.schedule import Watch
from lifecycle.stores.postgres import streams
from portal.access.actor import Actor
from portal.embedded.stack import Stack
from portal.jobs.outbox import deliver_due
from portal.lib.errors import Invalid
from portal.notify.models import Notice
from tenants.models import Tenant
from tests.admin.world import person
from tests.migration.engine import conftest as engine
from tests.migration.engine.burst import burst

from .made import bank
from .running import NO_READS, SIDES, Running, running, unguarded
from .test_workers import AND_BACK, BACK, SWITCHED

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def one(shipped: None, stack: Stack, settings: Any) -> Any:
    settings.MIGRATION = {
        **settings.MIGRATION, **NO_READS, "budget_ms": 5_000, "gate_seconds": 3600, "capture": "native"
    }  # fmt: skip
    made = running(stack.superuser_kwargs("control", "postgres"), documents=20)
    yield made
    engine.leave(made.stores)


def test_a_whole_move_and_its_way_back(one: Running) -> None:
    one.until(SWITCHED)
    assert {region for region, _ in engine.slots(one.stores)} == {SIDES[1]}, "captured on green, and blue's is gone"
    assert _record(one.migration, "switched", 1)["capture"] == "native"
    assert burst(one.stores, one.stores.green) > 10_000
    before = one.stores.everything(one.stores.green)
    one.roll_back()
    one.until(BACK)
    assert one.outcome() == AND_BACK
    assert one.stores.everything(one.stores.blue) == before
    assert engine.slots(one.stores) == []


def test_nothing_of_it_is_left_when_blue_goes(one: Running, settings: Any) -> None:
    unguarded(settings)
    settings.MIGRATION = {**settings.MIGRATION, "stability_seconds": 0}
    one.until(SWITCHED)
    Migration.objects.filter(pk=one.migration.pk).update(stability_seconds=0, stable_at=None)
    one.until("blue_decommissioned")
    assert engine.slots(one.stores) == []


def test_what_nobody_reads_is_read_shown_and_called_about(one: Running, stack: Stack, settings: Any) -> None:
    one.until(SWITCHED)
    with psycopg.connect(**stack.superuser_kwargs(SIDES[1]), autocommit=True) as db:
        filler = (
            "SELECT count(pg_logical_emit_message(false, 'filler', repeat('x', 1000000))) FROM generate_series(1, 20)"
        )
        db.execute(filler)
        settings.MIGRATION = {**settings.MIGRATION, "retained_bytes": 10_000_000}
        slots.tick()
        deliver_due()
        slots.tick()
        deliver_due()
        assert Notice.objects.filter(event="migration.log_retained", user=person("kiran")).count() == 1
        one.migration.refresh_from_db()
        assert one.migration.log_retained is not None
        found = {sample.name: sample for family in MigrationCollector().collect() for sample in family.samples}
        assert found["migration_log_retained_bytes"].value == one.migration.log_retained
        unread = "SELECT pg_current_wal_lsn() - confirmed_flush_lsn FROM pg_replication_slots WHERE slot_name = %s"
        row = db.execute(unread, [engine.slots(one.stores)[0][1]]).fetchone()
        assert row and row[0] < 1_000_000, "no worker came, and yet it is read"


def test_a_slot_that_no_fence_names_goes_and_another_portals_stays(shipped: None, stack: Stack, one: Running) -> None:
    one.until(SWITCHED)
    one.roll_back()
    one.until(BACK)
    known, stranger = f"bw_{one.migration.pk.hex}_ap_south_1", f"bw_{uuid4().hex}_ap_south_1"
    with psycopg.connect(**stack.superuser_kwargs(SIDES[0]), autocommit=True) as db:
        for name in (known, stranger):
            db.execute("SELECT bw.publish(%s, %s)", [name, one.stores.id])
            db.execute("SELECT pg_create_logical_replication_slot(%s, 'pgoutput')", [name])
        try:
            slots.tick()
            assert engine.slots(one.stores) == []
            assert stranger in {slot.name for slot in streams.slots(regions()[SIDES[0]])}
        finally:
            db.execute("SELECT pg_drop_replication_slot(%s)", [stranger])
            db.execute("SELECT bw.unpublish(%s)", [stranger])


def test_while_a_job_holds_the_move_none_of_its_slots_is_swept(one: Running) -> None:
    one.until(SWITCHED)
    about_to = move_at(one.migration, Watch(one.migration).epoch, *(regions()[name] for name in SIDES))
    acknowledge_in(about_to.source, about_to)
    native.make_ready(about_to, about_to.source)
    slots.tick()
    assert {region for region, _ in engine.slots(one.stores)} == set(SIDES)


@pytest.fixture
def browser(shipped: None) -> Client:
    client = Client()
    client.force_login(person("kiran"), backend="django.contrib.auth.backends.ModelBackend")
    return client


@pytest.fixture
def free(shipped: None) -> Tenant:
    return bank(geography="GLOBAL", data_classes=[])


def test_the_plan_says_which_way_and_the_signature_binds_to_it(free: Tenant, api: Any, browser: Client) -> None:
    kiran = Actor.of_user(person("kiran"))
    asked = {"tenant_id": str(free.pk), "target": SIDES[1]}
    plain = api("kiran").post("/api/v1/migrations/plan/", asked).json()
    assert plain["capture"] == "dirty_keys" and "MIG-CAPTURE" not in {found["code"] for found in plain["findings"]}
    answer = api("kiran").post("/api/v1/migrations/plan/", {**asked, "capture": "native"}).json()
    assert answer["capture"] == "native"
    assert [found["outcome"] for found in answer["findings"] if found["code"] == "MIG-CAPTURE"] == ["pass", "pass"]
    wrong = api("kiran").post("/api/v1/migrations/plan/", {**asked, "capture": "polling"})
    assert wrong.status_code == 422, wrong.content
    made = actions.request(free.pk, SIDES[1], actor=kiran, reason="Closer.", capture="native")
    assert made.capture == "native" and made.digest == digest_now(str(made.pk))
    made.capture = "dirty_keys"
    assert digest_of(made) != made.digest
    page = browser.get(f"/migrations/{made.pk}/")
    assert "own stream" in page.content.decode()


def test_a_server_that_retains_without_bound_is_refused_by_name(free: Tenant, stack: Stack) -> None:
    with psycopg.connect(**stack.superuser_kwargs(SIDES[1]), autocommit=True) as db:
        db.execute("ALTER SYSTEM SET max_slot_wal_keep_size = -1")
        db.execute("SELECT pg_reload_conf()")
        try:
            with pytest.raises(Invalid, match="eu-west-1: a reader that stalls would fill the disk"):
                kiran = Actor.of_user(person("kiran"))
                actions.request(free.pk, SIDES[1], actor=kiran, reason="Closer.", capture="native")
        finally:
            db.execute("ALTER SYSTEM RESET max_slot_wal_keep_size")
            db.execute("SELECT pg_reload_conf()")


@pytest.mark.parametrize(
    ("said", "fault"),
    [
        ((140_000, "logical", 5, "1GB", True), "older than PostgreSQL 15"),
        ((180_000, "replica", 5, "1GB", True), "wal_level is replica"),
        ((180_000, "logical", 0, "1GB", True), "every replication slot is taken"),
        ((180_000, "logical", 5, "-1", True), "nothing bounds its log"),
        ((180_000, "logical", 5, "1GB", False), "bw_mover may not read streams"),
    ],
)
def test_what_a_server_lacks_is_said(said: Any, fault: str) -> None:
    assert [fault in words for words, _ in streams._faults(*said)] == [True]
