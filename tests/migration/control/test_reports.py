"""A router says that a fence stays shut: noted once an epoch, and the watchdog's clock runs; nobody else acts on it."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.cache import cache

from lifecycle.migration.models import Migration
from lifecycle.migration.planning import regions
from lifecycle.stores.postgres import fences
from portal.audit.models import Entry
from portal.jobs.outbox import deliver_due
from tenants.placement.actions import placement_of
from tests.flags.test_ofrep import service, speaking

from .made import bank, migration


@pytest.fixture
def moving(shipped: None) -> Iterator[Migration]:
    one = migration(bank(), "traffic_cutover_started")
    fences.ensure(regions()["ap-south-1"], tenant_id=one.tenant_id, state="fenced")
    yield one
    fences.remove(regions()["ap-south-1"], one.tenant_id)


@pytest.fixture
def router(moving: Migration) -> Any:
    client = speaking(service(None, "fence.report"))

    def report(**changes: Any) -> Any:
        body = {"epoch": placement_of(moving.tenant_id).epoch, "seconds": 5.0, **changes}
        return client.post(f"/api/v1/tenants/{moving.tenant_id}/fence-reports/", body, format="json")

    return report


def noted() -> list[dict[str, Any]]:
    return list(Entry.objects.filter(verb="tenant.fence_reported").values_list("data", flat=True))


def test_it_is_noted_once_and_starts_the_watchdogs_clock(moving: Migration, router: Any) -> None:
    stands = placement_of(moving.tenant_id)
    answers = [router() for _ in range(3)]
    assert [one.status_code for one in answers] == [202] * 3
    assert [one.json()["noted"] for one in answers] == [True, False, False]
    known = {"region": "ap-south-1", "routing_epoch": stands.epoch, "operation": "", "noted": True}
    assert answers[0].json() == known
    assert noted() == [{"epoch": stands.epoch, "seconds": 5.0}]
    assert not cache.get(f"migration:shut:{moving.pk}")
    deliver_due()
    assert cache.get(f"migration:shut:{moving.pk}")
    assert placement_of(moving.tenant_id) == stands, "only the watchdog gives a tenant back"


def test_another_epoch_is_answered_and_forgotten(router: Any) -> None:
    assert router(epoch=999).json()["noted"] is False
    assert not noted()


@pytest.mark.parametrize("wrong", [{"epoch": -1}, {"epoch": "x"}, {"seconds": -1}, {"seconds": 1e9}, {"colour": "red"}])
def test_a_bad_report_changes_nothing(router: Any, wrong: dict[str, Any]) -> None:
    assert router(**wrong).status_code == 422
    assert not noted()


def test_only_a_service_reports(moving: Migration, api: Any) -> None:
    path = f"/api/v1/tenants/{moving.tenant_id}/fence-reports/"
    assert api("kiran").post(path, {"epoch": 1, "seconds": 5.0}).status_code == 403
    assert api("arjun").post(path, {"epoch": 1, "seconds": 5.0}).status_code == 404
