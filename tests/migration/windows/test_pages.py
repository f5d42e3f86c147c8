"""What pages say of a window and of a pace, to whom they offer what, and the ways to move a tenant side by side."""

from typing import Any

import pytest
from django.test import Client

from lifecycle.migration.models import Migration
from tests.admin.world import person
from tests.migration.control.made import bank, migration

from .made import window


def browser(name: str) -> Client:
    client = Client()
    client.force_login(person(name), backend="django.contrib.auth.backends.ModelBackend")
    return client


@pytest.mark.parametrize(
    ("begins", "opened", "words"),
    [(5, False, "Waits for its window"), (-1, True, "In its window: the tenant is without")],
)
def test_a_move_says_where_it_stands_with_its_window(shipped: None, begins: int, opened: bool, words: str) -> None:
    one = migration(bank(), "provisioning_green", window_minutes=60)
    window(one, begins, opened)
    said = browser("kiran").get(f"/migrations/{one.pk}/").content.decode()
    assert words in said and "Window begins" in said and ("Window opened" in said) == opened


def test_the_pace_is_asked_for_agreed_to_and_lifted_on_the_page(shipped: None) -> None:
    one = migration(bank(), "initial_sync")
    path, kiran, meera = f"/migrations/{one.pk}/", browser("kiran"), browser("meera")
    assert b"Ask to write more slowly" not in meera.get(path).content
    typed = {"reason": "The copy falls behind.", "writes_per_second": "70", "minutes": "30"}
    assert kiran.post(f"{path}do/throttle/", typed).status_code == 302
    said = meera.get(path).content.decode()
    assert "Agree to write more slowly" in said and "At most 70 writes a second for 30 minutes" in said
    assert meera.post(f"{path}do/approve_throttle/", {"reason": "Fine."}).status_code == 302
    assert "in force" in kiran.get(path).content.decode() and one.throttles.get().stands == "in_force"
    assert meera.post(f"{path}do/lift_throttle/", {"reason": "Month end."}).status_code == 302
    assert one.throttles.get().stands == "over"


def test_the_form_shows_every_way_and_what_nobody_has_told(shipped: None) -> None:
    bank(geography="GLOBAL")
    typed: dict[str, Any] = {"tenant": "investment-banking", "target": "eu-west-1", "strategy": "", "reason": "Closer."}
    said = browser("kiran").post("/migrations/new/", {**typed, "preview": "1"}).content.decode()
    for words in ("The ways to move it", "recommended", "Nobody said what an hour without service costs", "60 minutes"):
        assert words in said, words
    early = {**typed, "window_starts_at": "2026-01-01T00:00"}
    assert browser("kiran").post("/migrations/new/", early).status_code == 422
    assert not Migration.objects.exists()
