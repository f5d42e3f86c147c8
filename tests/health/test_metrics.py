"""Series per tenant are few however many tenants there are, and what is not known has none."""

from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from portal.lib.clock import now
from tenants.health.metrics import HealthCollector
from tenants.health.models import Condition
from tenants.models import Tenant
from tests.admin.world import tenant


def told(name: str) -> dict[str, float]:
    """Value by tenant of one family."""
    registry = CollectorRegistry()
    registry.register(HealthCollector())
    return {
        sample.labels.get("tenant") or sample.labels.get("band", ""): sample.value
        for family in registry.collect()
        for sample in family.samples
        if sample.name == name
    }


def known(name: str, requests: float, errors: float, score: int | None) -> Tenant:
    found = tenant(name, "FIN", "meera", max_storage_gb=10, health_score=score)
    buckets = {"0.1": requests / 2, "0.2": requests, "+Inf": requests}
    tally = {"probes": 60, "ups": 60, "requests": requests, "errors": errors, "buckets": buckets}
    Condition.objects.create(tenant=found, read_at=now(), tally=tally, score=score, stored_bytes=10**9)
    return found


@pytest.fixture
def three(shipped: None) -> list[str]:
    rows = [known("busy", 900, 9, 95), known("calm", 80, 40, 40), known("rare", 20, 0, 85)]
    return [str(one.pk) for one in rows]


def test_the_busiest_have_names_and_the_others_one_together(three: list[str], settings: Any) -> None:
    settings.METRIC_TENANTS = 1
    busy = three[0]
    assert told("error_rate") == pytest.approx({busy: 0.01, "other": 0.4})
    assert told("query_latency") == pytest.approx({busy: 0.19, "other": 0.19})
    assert told("resource_usage") == pytest.approx({busy: 0.1, "other": 0.1})
    assert told("bailiwick_health_score") == {busy: 95, "other": 40}, "the worst of the others is not hidden"


def test_without_more_than_that_nobody_is_other(three: list[str], settings: Any) -> None:
    settings.METRIC_TENANTS = 3
    assert set(told("error_rate")) == set(three)


def test_what_is_not_known_has_no_sample(shipped: None) -> None:
    quiet = known("quiet", 0, 0, None)
    assert told("error_rate") == told("query_latency") == told("bailiwick_health_score") == {}
    assert set(told("resource_usage")) == {str(quiet.pk)}
    assert told("bailiwick_tenants_by_health") == {"healthy": 0, "degraded": 0, "unhealthy": 0, "unknown": 1}


def test_the_number_of_queries_does_not_grow_with_the_tenants(
    three: list[str], django_assert_max_num_queries: Any
) -> None:
    with django_assert_max_num_queries(3):
        told("error_rate")
