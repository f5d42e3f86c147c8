"""The way back is drilled with a clock, counts as rehearsed, and is asked for again when it is due."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest

from lifecycle.migration.drills import actions, schedule
from lifecycle.migration.drills.defaults import install
from lifecycle.migration.drills.models import Drill, DrillRule
from lifecycle.migration.drills.queries import due_of
from lifecycle.migration.metrics import MigrationCollector
from lifecycle.migration.models import Attempt, Migration
from lifecycle.migration.moving import tell
from lifecycle.migration.reviews.models import Review
from lifecycle.migration.reviews.queries import in_the_way
from portal.access.accounts import SEED
from portal.access.actor import Actor
from portal.audit.context import acting
from portal.jobs.actions import start_job
from portal.jobs.models import Job
from portal.jobs.outbox import deliver_due
from portal.lib.clock import now
from portal.lib.errors import Conflict, NotAllowed
from portal.notify.models import Notice
from tests.admin.world import person
from tests.migration.control.made import bank, migration, put, under_way


@pytest.fixture
def kiran(shipped: None) -> Actor:
    return Actor.of_user(person("kiran"))


@pytest.fixture
def switched(kiran: Actor) -> Migration:
    """A move in its stability, with its job."""
    one = migration(bank(geography="GLOBAL", data_classes=[]), "traffic_cutover_complete")
    under_way(one)
    about = {"subject": one, "title": "Move", "reason": "r", "params": {"migration_id": str(one.pk)}}
    job = start_job("migration.move", actor=kiran, **about)
    Migration.objects.filter(pk=one.pk).update(job_id=job.pk)
    return Migration.objects.get(pk=one.pk)


def taken_back(switched: Migration, after: float, measured: bool = True) -> None:
    """What the roll-back's job leaves behind, `after` seconds from the drill's request on."""
    drill = Drill.objects.get(migration=switched)
    if measured:
        at = drill.asked_at + timedelta(seconds=after)
        seen = {"budget_ms": 100, "outcome": "switched", "pause_ms": 31.5, "keys_inside": 7, "epoch": 9, "at": at}
        Attempt.objects.create(migration=switched, direction="back", **seen)
    put(switched, "rolled_back")
    with acting(SEED):
        tell(Migration.objects.get(pk=switched.pk), "traffic_cutover_complete", actor=SEED, reason="Drill")
    deliver_due()


@pytest.mark.parametrize("after, outcome", [(0.8, "passed"), (1.0, "passed"), (1.2, "missed")])
def test_a_drill_is_the_ordinary_roll_back_with_a_clock(
    switched: Migration, kiran: Actor, after: float, outcome: str
) -> None:
    drill = actions.drill(switched.pk, actor=kiran, reason="it is due")
    assert Job.objects.get(pk=switched.job_id).state == "cancelled", "the roll-back was asked for"
    taken_back(switched, after)
    drill.refresh_from_db()
    assert (drill.outcome, drill.pause_ms, drill.keys_carried) == (outcome, 31.5, 7)
    assert drill.seconds == pytest.approx(after)
    said = Notice.objects.filter(event="migration_drill.concluded", user__username="kiran").get()
    assert f"{after:.2f} s" in said.title and said.severity == ("info" if outcome == "passed" else "warning")


def test_it_counts_as_rehearsed_and_not_as_failed(switched: Migration, kiran: Actor) -> None:
    actions.drill(switched.pk, actor=kiran, reason="it is due")
    taken_back(switched, 0.5)
    assert not Review.objects.exists() and not in_the_way(switched.tenant, switched.target)
    registry = CollectorRegistry()
    registry.register(MigrationCollector())
    assert b"rollback_triggered_total 0.0" in generate_latest(registry)


def test_what_was_not_measured_is_not_said_to_have_passed(switched: Migration, kiran: Actor) -> None:
    drill = actions.drill(switched.pk, actor=kiran, reason="it is due")
    taken_back(switched, 0.5, measured=False)
    drill.refresh_from_db()
    assert (drill.outcome, drill.seconds) == ("unmeasured", None)
    assert due_of([DrillRule.objects.get(pk="gold")])["gold"].last is None, "so it is still due"


@pytest.mark.parametrize("state", ["initiated", "incremental_sync", "paused", "failed", "rolled_back", "completed"])
def test_only_a_move_in_stability_is_drilled(kiran: Actor, state: str) -> None:
    one = migration(bank(), state)
    with pytest.raises(Conflict):
        actions.drill(one.pk, actor=kiran, reason="r")


def test_only_engineers_drill_and_only_once(switched: Migration, kiran: Actor) -> None:
    for actor in (SEED, Actor.of_user(person("meera")), Actor.of_user(person("anita"))):
        with pytest.raises(NotAllowed):
            actions.drill(switched.pk, actor=actor, reason="r")
    actions.drill(switched.pk, actor=kiran, reason="r")
    with pytest.raises(Conflict):
        actions.drill(switched.pk, actor=kiran, reason="again")


@pytest.mark.parametrize(
    "written, refusal",
    [
        ("UPDATE drills_drill SET outcome = 'passed', seconds = 0.1, served_at = now()", "taken back"),
        ("UPDATE drills_drill SET outcome = 'unmeasured', seconds = 3", "taken back|drill_outcome_as_measured"),
        ("UPDATE drills_drill SET bar_seconds = 60", "fixed when it is asked for"),
        ("DELETE FROM drills_drill", "never removed"),
        ("UPDATE drills_drillrule SET every_days = 0", "drill_rule_counts_days"),
    ],
)
def test_the_database_holds_the_rules_too(switched: Migration, kiran: Actor, written: str, refusal: str) -> None:
    actions.drill(switched.pk, actor=kiran, reason="r")
    with pytest.raises(IntegrityError, match=refusal), transaction.atomic(), acting(SEED):
        connection.cursor().execute(written)


def test_a_slow_drill_is_not_written_down_as_passed(switched: Migration, kiran: Actor) -> None:
    actions.drill(switched.pk, actor=kiran, reason="r")
    put(switched, "rolled_back")
    with pytest.raises(IntegrityError, match="drill_outcome_as_measured"), transaction.atomic(), acting(SEED):
        Drill.objects.update(outcome="passed", seconds=2.5, served_at=now())


def test_a_tier_is_due_by_its_rule_and_its_engineers_are_told_once(shipped: None) -> None:
    bank()  # gold
    assert dict(DrillRule.objects.values_list("pk", "every_days")) | {"platinum": 30, "gold": 90} == dict(
        DrillRule.objects.values_list("pk", "every_days")
    )
    overdue = Notice.objects.filter(event="migration_drill.overdue")
    schedule.tick()
    assert not overdue.exists()
    DrillRule.objects.update(since=now().date() - timedelta(days=91))
    for _twice in range(2):
        schedule.tick()
    told = overdue.filter(user__username="kiran")
    assert [one.title for one in told] == ["Gold: a drill of the way back is overdue"], "the other tiers have no tenant"


def test_shipped_rules_are_never_written_over(shipped: None) -> None:
    DrillRule.objects.filter(pk="gold").update(every_days=7)
    install(SEED)
    assert DrillRule.objects.get(pk="gold").every_days == 7


def test_through_the_api_and_on_the_pages(switched: Migration, api: Any, client: Any) -> None:
    kiran, body = api("kiran"), {"migration_id": str(switched.pk), "reason": "it is due"}
    assert kiran.post("/api/v1/rollback-drills/", {**body, "colour": "red"}).status_code == 422
    assert api("meera").post("/api/v1/rollback-drills/", body).status_code == 403
    client.force_login(person("kiran"), backend="django.contrib.auth.backends.ModelBackend")
    assert "Drill the way back" in client.get(f"/migrations/{switched.pk}/").content.decode()
    made = kiran.post("/api/v1/rollback-drills/", body)
    assert made.status_code == 201 and made.json()["outcome"] == "running"
    assert kiran.post("/api/v1/rollback-drills/", body).status_code == 409
    taken_back(switched, 0.8)
    assert "0.80 s from the request" in client.get(f"/rollback-drills/{made.json()['id']}/").content.decode()
    assert "within the bar" in client.get("/rollback-drills/").content.decode()
    assert api("arjun").get(f"/api/v1/rollback-drills/{made.json()['id']}/").status_code == 404
    rule, priya = "/api/v1/drill-rules/gold/", api("priya")
    assert kiran.patch(rule, {"every_days": 7, "reason": "r"}).status_code == 403
    assert priya.patch(rule, {"every_days": 0, "reason": "r"}).status_code == 422
    assert priya.patch(rule, {"every_days": 7, "reason": "r"}).json()["due_on"] == str(now().date() + timedelta(days=7))
    assert "planned" in client.get("/drill-rules/").content.decode()
