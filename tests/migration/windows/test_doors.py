"""DNS before a move: answers are shortened a full old life ahead, lead to green, and in the end live as before."""

import json
from collections.abc import Iterator
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.stub import Stubber

from lifecycle.migration.models import Migration
from lifecycle.migration.routing import Elbv2, Envoy, Route53, configured
from lifecycle.migration.routing.configured import Door, doors_of
from lifecycle.migration.steps import doors
from lifecycle.stores import aws
from lifecycle.stores.errors import Permanent
from portal.jobs.context import StepContext
from portal.jobs.errors import Skip, WaitUntil
from portal.jobs.models import Job
from portal.lib.clock import now
from portal.lib.regions import Region
from tests.migration.control.made import bank, migration
from tests.migration.routing.test_split import counts
from tests.migration.routing.test_split import elbv2 as elbv2  # fixtures
from tests.migration.routing.test_split import envoy as envoy
from tests.migration.routing.test_split import route53 as route53
from tests.migration.routing.test_split import runtime as runtime
from tests.verifiers.hostile import http

from .made import job_of, step_of


@pytest.fixture
def moving(shipped: None, settings: Any, route53: Route53) -> Iterator[Migration]:
    """A move with DNS before it."""
    named = {"kind": "route53", "zone_id": route53.zone_id, "name": route53.name}
    settings.MIGRATION = {**settings.MIGRATION, "doors": [named], "quiet_seconds": 0}
    yield migration(bank(), "provisioning_green")


@pytest.fixture
def job(moving: Migration) -> Job:
    return job_of(moving)


@pytest.fixture
def platform() -> Iterator[str]:
    """A platform that has handed nobody on."""
    with http(lambda path: (200, "text/plain", b"rag_started_seconds 1\n", 0)) as url:
        yield url


def rewind(ctx: StepContext, name: str, field: str, seconds: float) -> None:
    """Let time have passed since what the step noted."""
    kept = ctx.step.evidence if not name else ctx.step.evidence[name]
    kept[field] = (datetime.fromisoformat(kept[field]) - timedelta(seconds=seconds)).isoformat()
    ctx.note(**(kept if not name else {name: kept}))


def test_the_switch_waits_a_full_old_life_of_the_answers(job: Job, route53: Route53) -> None:
    ctx = step_of(job, "doors_ahead")
    doors.ahead(ctx)
    assert route53.read().settles_in_seconds == 60
    doors.ahead(ctx)  # begun again
    (name,) = [one for one in ctx.step.evidence if "route53" in one]
    assert ctx.step.evidence[name]["ttl"] == 300, "what it was is not forgotten"
    later = step_of(job, "doors_settled", 2)
    with pytest.raises(WaitUntil) as wait:
        doors.settled(later)
    assert wait.value.at and 200 < (wait.value.at - now()).total_seconds() <= 300
    rewind(ctx, name, "at", 301)
    assert doors.settled(later)["settled_at"]


def test_who_died_between_keeping_and_changing_keeps_what_it_was(job: Job, route53: Route53) -> None:
    ctx = step_of(job, "doors_ahead")
    ctx.note(**{f"route53 {route53.name}": {"ttl": 300}})
    route53.set_ttl(60)
    doors.ahead(ctx)
    (kept,) = ctx.step.evidence.values()
    assert kept["ttl"] == 300 and kept["at"]


def test_clients_are_led_to_green_and_answers_live_as_before(
    moving: Migration, job: Job, route53: Route53, settings: Any, platform: str, tmp_path: Path
) -> None:
    doors.ahead(step_of(job, "doors_ahead"))
    ctx = step_of(job, "doors", 2)
    assert doors.lead(ctx) == {f"route53 {route53.name}": 100} and route53.read().green == 100
    back = step_of(job, "doors_back", 3)
    Migration.objects.filter(pk=moving.pk).update(switched_at=now())
    with pytest.raises(WaitUntil, match="kept until"):
        doors.lead_back(back)
    assert route53.read().green == 0
    rewind(back, "", "led_at", 61)
    with pytest.raises(WaitUntil, match="not counted"):
        doors.lead_back(back)
    known = json.loads(settings.REGIONS_FILE.read_text())
    known[moving.target]["platform"]["url"] = platform
    settings.REGIONS_FILE = tmp_path / "regions.json"
    settings.REGIONS_FILE.write_text(json.dumps(known))
    assert doors.lead_back(back) == {f"route53 {route53.name}": 0}
    assert route53.read().settles_in_seconds == 300


def test_a_rollback_is_not_over_while_requests_reach_green(
    moving: Migration, job: Job, envoy: Envoy, runtime: dict[str, str], settings: Any
) -> None:
    named = {"kind": "envoy", **asdict(envoy)}
    settings.MIGRATION = {**settings.MIGRATION, "doors": [named], "quiet_seconds": 0.001}
    Migration.objects.filter(pk=moving.pk).update(switched_at=now())
    ctx = step_of(job, "doors_back")
    for green, said in (("5", "watched"), ("8", "3 requests reached green")):
        runtime["served green"] = green
        with pytest.raises(WaitUntil, match=said):
            doors.lead_back(ctx)
    runtime["served blue"] = "900"
    assert doors.lead_back(ctx) == {"envoy routing.acme": 0}


def test_a_way_back_is_not_over_while_the_load_balancer_counts_requests_on_green(
    moving: Migration, job: Job, elbv2: Elbv2, settings: Any, monkeypatch: Any
) -> None:
    """Its weights say blue alone, and stickiness that somebody switched on again keeps clients on green."""
    named = {key: value for key, value in asdict(elbv2).items() if key != "region"}
    settings.MIGRATION = {**settings.MIGRATION, "doors": [{"kind": "elbv2", **named}], "quiet_seconds": 0}
    monkeypatch.setattr(configured, "LATE", timedelta(seconds=0.001))
    (door,) = doors_of(moving, elbv2.region, settings.MIGRATION["doors"])
    assert door.late.total_seconds() > 0, "a quiet time is as long as a request may be counted late"
    ctx, seen = step_of(job, "doors_back"), []
    with Stubber(aws.client(elbv2.region, "cloudwatch")) as cloudwatch:
        for blue, green in ((10, 4), (510, 13), (510, 13)):
            counts(cloudwatch, elbv2, [blue], [green])
        for _ in range(2):
            with pytest.raises(WaitUntil) as held:
                doors._only(ctx, moving, [door], 0)
            seen.append(held.value.reason)
        split = ctx.step.evidence["split"]
        doors._only(ctx, moving, [door], 0)
    assert "9 requests reached green" in seen[1]
    assert (split["intended"], split["observed"]) == (0, {door.name: {"blue": 500, "green": 9}})
    assert ctx.step.evidence["split"]["wrong"] == []


def test_a_load_balancer_that_does_not_say_holds(moving: Migration, job: Job, elbv2: Elbv2) -> None:
    wrong = replace(elbv2, rule_arn="arn:aws:elasticloadbalancing:ap-south-1:000000000000:listener-rule")
    with pytest.raises(WaitUntil, match="does not say what it served"):
        doors._only(step_of(job, "doors_back"), moving, [Door("elbv2", wrong)], 0)


def test_where_nothing_is_named_the_registry_leads_alone(job: Job, settings: Any) -> None:
    settings.MIGRATION = {**settings.MIGRATION, "doors": []}
    with pytest.raises(Skip):
        doors.ahead(step_of(job, "doors_ahead"))
    assert doors.settled(step_of(job, "doors_settled", 2)) == {"settled_at": None}


def test_a_move_towards_blue_weighs_the_other_way_round(moving: Migration, region: Region, route53: Route53) -> None:
    named = {"kind": "route53", "zone_id": route53.zone_id, "name": route53.name, "blue_region": moving.target}
    (door,) = doors_of(moving, region, [named])
    assert door.read().green == 100 and door.set(0).green == 0 and route53.read().green == 100


@pytest.mark.parametrize("wrong", [{}, {"kind": "carrier pigeon"}, {"kind": "route53", "zone": "Z"}])
def test_a_door_that_makes_no_sense_is_said(moving: Migration, region: Region, wrong: dict[str, str]) -> None:
    with pytest.raises(Permanent, match="settings"):
        doors_of(moving, region, [wrong])
