"""The page of a move in every state, its form, and what it adds to the page on which it is signed."""

import re
from typing import Any

import pytest
from django.test import Client

from lifecycle.migration import actions
from lifecycle.migration.models import Migration, Round, State
from portal.access.actor import Actor
from portal.lib.clock import now
from tests.admin.world import person
from tests.migration.windows.made import job_of, step_of

from .made import bank, migration, under_way


@pytest.fixture
def browser(shipped: None) -> Client:
    client = Client()
    client.force_login(person("kiran"), backend="django.contrib.auth.backends.ModelBackend")
    return client


@pytest.mark.parametrize("state", State.values)
def test_a_move_says_in_words_where_it_stands(browser: Client, state: str) -> None:
    one = migration(bank(), state)
    said = browser.get(f"/migrations/{one.pk}/").content.decode()
    assert "investment-banking" in said and "eu-west-1" in said and f"MV-{one.number:04d}" in said
    assert ("Roll back to blue" in said) == (
        state not in ("initiated", "completed", "rolled_back", "blue_decommissioned")
    )
    assert "₹1.2 L" in said


def test_the_figures_that_matter(browser: Client) -> None:
    one = migration(bank(), "traffic_cutover_complete")
    under_way(one)
    said = browser.get(f"/migrations/{one.pk}/").content.decode()
    for figure in ("10,00,000", "1,00,000 rows/s", "184", "41 ms", "37", "212", "over budget", "equal"):
        assert figure in said, figure


def test_the_lag_is_drawn_on_after_the_switch(browser: Client) -> None:
    one = migration(bank(), "traffic_cutover_complete")
    under_way(one)
    for direction, keys in (("forward", 900), ("forward", 40), ("back", 7)):
        Round.objects.create(
            migration=one, direction=direction, keys=keys, upserted=keys, deleted=0, seconds=keys / 100, left=0
        )
    said = browser.get(f"/migrations/{one.pk}/").content.decode()
    lines = re.findall(r'class="spark-(\d)" points="([^"]*)"', said)
    drawn = [(int(which), len(points.split())) for which, points in lines]
    assert drawn == [(1, 2), (2, 2)] * 2, "two rounds there and, with that of before, two back: of lag and of keys"
    assert "to green last 40, at most 900" in said and "back to blue last 7" in said
    assert "the rounds go back to blue" in said


def test_where_clients_were_meant_to_come_and_came(browser: Client, settings: Any) -> None:
    settings.MIGRATION = {**settings.MIGRATION, "doors": [{"kind": "elbv2"}]}
    one = migration(bank(), "traffic_cutover_complete")
    under_way(one)
    job = job_of(one)
    Migration.objects.filter(pk=one.pk).update(job_id=job.pk)
    assert "Where clients come" not in browser.get(f"/migrations/{one.pk}/").content.decode()
    wrong = ["elbv2 rule: 60 requests reached blue since the last look"]
    seen = {"intended": 100, "observed": {"elbv2 rule": {"blue": 60, "green": 940}}, "at": now().isoformat()}
    step_of(job, "doors_followed").note(split={**seen, "wrong": wrong})
    said = browser.get(f"/migrations/{one.pk}/").content.decode()
    for words in ("Where clients come", "100 %", "94.0 %", "1,000", "60 requests reached blue", "not as meant"):
        assert words in said, words


@pytest.mark.parametrize("state", ["blue_decommissioned", "completed"])
def test_once_blue_is_let_go_all_would_be_lost_with_green(browser: Client, state: str) -> None:
    one = migration(bank(), state)
    under_way(one)
    said = browser.get(f"/migrations/{one.pk}/").content.decode()
    assert "all since" in said and "nothing follows green any more" in said


def test_the_dry_run_on_the_form_stores_nothing(browser: Client) -> None:
    bank(geography="GLOBAL")
    typed = {"tenant": "investment-banking", "target": "eu-west-1", "strategy": "", "reason": "Closer to its users."}
    said = browser.post("/migrations/new/", {**typed, "preview": "1"})
    assert said.status_code == 200 and b"What speaks for and against it" in said.content
    assert not Migration.objects.exists()
    assert browser.post("/migrations/new/", {**typed, "tenant": "nobody", "preview": "1"}).status_code == 200
    assert browser.post("/migrations/new/", typed).status_code == 302
    assert Migration.objects.get().case_id


def test_whoever_signs_sees_money_downtime_and_findings(shipped: None) -> None:
    about = bank(geography="GLOBAL")
    kiran = Actor.of_user(person("kiran"))
    made = actions.request(about.pk, "eu-west-1", actor=kiran, reason="Closer to its users.")
    cto = Client()
    cto.force_login(person("sanjay"), backend="django.contrib.auth.backends.ModelBackend")
    said = cto.get(f"/approvals/{made.case_id}/").content.decode()
    for words in ("at most 60 minutes", "Both sides running", "first move of its kind", "several countries"):
        assert words in said, words


def test_playbooks_and_red_flags(api: Any) -> None:
    priya = api("priya")
    change = {"notice_days": 0, "reason": "A laptop."}
    assert priya.patch("/api/v1/playbooks/gold/", change).json()["notice_days"] == 0
    assert priya.patch("/api/v1/playbooks/gold/", {**change, "window_min_minutes": 900}).status_code == 422
    assert priya.patch("/api/v1/playbooks/gold/", {**change, "colour": "red"}).status_code == 422
    span = {"starts_at": "2026-01-01T00:00:00Z", "ends_at": "2030-01-02T00:00:00Z"}
    flag = priya.post("/api/v1/red-flags/", {"kind": "freeze", "title": "Year end", "reason": "r", **span}).json()
    lifted = priya.post(f"/api/v1/red-flags/{flag['id']}/lifting/", {"reason": "over"})
    assert lifted.status_code == 200 and lifted.json()["lifted_at"]
    assert priya.post(f"/api/v1/red-flags/{flag['id']}/lifting/", {"reason": "over"}).status_code == 409
    backwards = {**span, "ends_at": "2025-01-01T00:00:00Z"}
    bad = priya.post("/api/v1/red-flags/", {"kind": "freeze", "title": "Year end", "reason": "r", **backwards})
    assert bad.status_code == 422
