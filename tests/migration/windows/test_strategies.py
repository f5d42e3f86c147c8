"""Which way is recommended, by facts that are known; what is not known is said, and has no price."""

from decimal import Decimal
from typing import Any

import pytest

from lifecycle.migration.models import Playbook
from lifecycle.migration.strategies import Known, recommend
from tenants.models import Tenant
from tests.migration.control.made import bank

HOUR, CRORE = Decimal(100_000), Decimal(10_000_000)


@pytest.mark.parametrize(
    ("tier", "known", "way", "why"),
    [
        ("platinum", Known(), "blue_green", "promises"),
        ("gold", Known(), "short_window", "playbook of tier gold"),
        ("silver", Known(), "long_window", "playbook of tier silver"),
        ("gold", Known(CRORE + 1), "blue_green", "above ₹1,00,00,000"),
        ("gold", Known(is_downtime_forbidden=True), "blue_green", "contract"),
        ("gold", Known(HOUR, False), "long_window", "below ₹10,00,000"),
        ("silver", Known(2 * HOUR, False), "short_window", "not below ₹10,00,000"),
    ],
)
def test_the_way_follows_the_facts(shipped: None, tier: str, known: Known, way: str, why: str) -> None:
    one = Tenant.objects.select_related("tier").get(pk=bank().pk)
    Tenant.objects.filter(pk=one.pk).update(tier_id=tier)
    one.refresh_from_db()
    choice = recommend(one, Playbook.objects.get(pk=tier), known)
    assert choice.strategy == way and any(why in each for each in choice.because), choice
    assert len(choice.not_known) == [known.downtime_inr_an_hour, known.is_downtime_forbidden].count(None)


def test_every_way_has_its_price_beside_the_others(shipped: None, api: Any) -> None:
    body = {"tenant_id": str(bank(geography="GLOBAL").pk), "target": "eu-west-1"}
    plan = api("kiran").post("/api/v1/migrations/plan/", body).json()
    ways = {one["strategy"]: one for one in plan["strategies"]}
    assert list(ways) == ["blue_green", "short_window", "long_window"]
    assert ways["blue_green"]["total_inr"] and ways["short_window"]["total_inr"] is None
    assert "nobody said" in ways["short_window"]["lines"][-1]["how"] and len(plan["not_known"]) == 2
    told = {**body, "downtime_inr_an_hour": "60000.00", "is_downtime_forbidden": False}
    plan = api("kiran").post("/api/v1/migrations/plan/", told).json()
    assert plan["not_known"] == [] and plan["strategy"] == "long_window"
    costs = {one["strategy"]: one["lines"][-1]["amount_inr"] for one in plan["strategies"]}
    assert costs == {"blue_green": "0.00", "short_window": "60000.00", "long_window": "360000.00"}
