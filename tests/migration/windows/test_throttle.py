"""A tenant's writes are slowed only with its own people's word, within a day, and never beyond the switch."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction

from lifecycle.migration.models import Migration
from lifecycle.migration.moving import locked, move
from lifecycle.migration.windows.models import Throttle
from lifecycle.migration.windows.queries import service_of
from portal.audit.context import acting
from portal.jobs.outbox import deliver_due
from portal.lib.clock import now
from portal.notify.models import Notice
from tenants.models import Tenant
from tests.admin.world import person
from tests.migration.control.made import bank, migration

from .made import TEST

WHY = {"reason": "The copy falls behind."}


@pytest.fixture
def moving(shipped: None) -> Migration:
    return migration(bank(), "initial_sync")


def at(one: Migration, word: str = "") -> str:
    return f"/api/v1/migrations/{one.pk}/{word}"


def told(one: Migration) -> dict[str, Any]:
    return service_of([Tenant.objects.get(pk=one.tenant_id)])[one.tenant_id]


@pytest.fixture
def agreed(moving: Migration, api: Any) -> Throttle:
    assert api("kiran").post(at(moving, "throttle/"), {**WHY, "writes_per_second": 50}).status_code == 201
    assert api("meera").post(at(moving, "throttle-approval/"), WHY).status_code == 200
    return Throttle.objects.get()


def test_nothing_is_slowed_before_the_tenant_agrees(moving: Migration, api: Any) -> None:
    kiran = api("kiran")
    made = kiran.post(at(moving, "throttle/"), WHY).json()
    assert (made["writes_per_second"], made["minutes"], made["stands"]) == (100, 60, "asked")
    assert told(moving) == {}
    assert kiran.post(at(moving, "throttle/"), WHY).status_code == 409
    for whom in ("kiran", "priya"):
        assert api(whom).post(at(moving, "throttle-approval/"), WHY).status_code == 403
    deliver_due()
    assert Notice.objects.filter(user=person("meera"), event="migration.throttle_asked").exists()
    agreed = api("meera").post(at(moving, "throttle-approval/"), WHY).json()
    assert agreed["stands"] == "in_force"
    assert told(moving) == {"throttle": {"writes_per_second": 100, "until": Throttle.objects.get().until.isoformat()}}


@pytest.mark.parametrize("wrong", [{"writes_per_second": 0}, {"minutes": 1441}, {"pace": 3}, {"reason": ""}])
def test_what_makes_no_sense_is_refused(moving: Migration, api: Any, wrong: dict[str, Any]) -> None:
    assert api("kiran").post(at(moving, "throttle/"), {**WHY, **wrong}).status_code == 422
    assert not Throttle.objects.exists()


@pytest.mark.parametrize("word", ["pause", "fail", "finish_copy"])
def test_it_lifts_with_the_way_to_the_switch(agreed: Throttle, word: str) -> None:
    with acting(TEST, "test"):
        move(locked(agreed.migration_id), word, actor=TEST)
    agreed.refresh_from_db()
    goes_on = word == "finish_copy"
    assert (agreed.stands == "in_force") == goes_on == bool(told(agreed.migration))


@pytest.mark.parametrize("who", ["kiran", "meera"])
def test_either_side_lifts_it_at_any_time(agreed: Throttle, api: Any, who: str) -> None:
    assert api(who).post(at(agreed.migration, "throttle-lifting/"), WHY).status_code == 200
    assert told(agreed.migration) == {}
    assert api("kiran").post(at(agreed.migration, "throttle/"), WHY).status_code == 201, "it can be asked for again"
    shown = api("meera").get(at(agreed.migration, "service/")).json()
    assert [one["stands"] for one in shown["throttles"]] == ["asked", "over"] and shown["window"] is None


def test_only_a_move_before_its_switch_slows_anybody(moving: Migration, shipped: None, api: Any) -> None:
    with acting(TEST, "test"):
        move(locked(moving.pk), "fail", actor=TEST)
    assert api("kiran").post(at(moving, "throttle/"), WHY).status_code == 409
    with pytest.raises(DatabaseError), transaction.atomic(), acting(TEST, "test"):
        Throttle.objects.create(migration=moving, asked_by=person("kiran"), reason="past the screen")


@pytest.mark.parametrize(
    "change",
    [
        "until = approved_at + interval '25 hours'", "writes_per_second = 0", "writes_per_second = 7",
        "approved_by_id = asked_by_id", "approved_at = NULL",
    ],
)  # fmt: skip
def test_below_the_screen_it_is_what_was_agreed(agreed: Throttle, change: str) -> None:
    with pytest.raises(DatabaseError), transaction.atomic(), acting(TEST, "test"), connection.cursor() as cursor:
        cursor.execute(f"UPDATE windows_throttle SET {change} WHERE id = %s", [agreed.pk])


def test_below_the_screen_only_the_tenants_people_agree(moving: Migration) -> None:
    with acting(TEST, "test"):
        made = Throttle.objects.create(migration=moving, asked_by=person("kiran"), reason="r")
    made.approved_by, made.approved_at, made.until = person("priya"), now(), now() + timedelta(minutes=5)
    with pytest.raises(DatabaseError), transaction.atomic(), acting(TEST, "test"):
        made.save()
