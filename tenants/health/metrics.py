"""How tenants are doing, for Prometheus: the busiest by name and everybody else together, so that series stay few."""

from collections.abc import Iterable, Iterator
from functools import reduce

from django.conf import settings
from django.db.models import Count
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from tenants.models import Tenant

from .measure import GIGABYTE
from .models import Condition
from .score import Tally, band, quantile

OTHER = "other"
Group = tuple[str, list[Condition]]


class HealthCollector(Collector):
    """Counted as the score is, fading with age. What is not known has no sample; `other` is all but the busiest."""

    def collect(self) -> Iterator[Metric]:
        groups = _grouped(Condition.objects.select_related("tenant"))
        latency = GaugeMetricFamily("query_latency", "Seconds, p95 of late", labels=["tenant"])
        errors = GaugeMetricFamily("error_rate", "Share of requests of late that ended in a 5xx", labels=["tenant"])
        usage = GaugeMetricFamily("resource_usage", "Share of the limit in use", labels=["tenant", "resource"])
        score = GaugeMetricFamily("bailiwick_health_score", "0 to 100; of others the lowest", labels=["tenant"])
        for name, members in groups:
            tally = reduce(Tally.plus, (Tally(**one.tally) for one in members), Tally())
            _add(latency, [name], quantile(0.95, tally.buckets))
            _add(errors, [name], tally.errors / tally.requests if tally.requests else None)
            _add(usage, [name, "storage"], _storage(members))
            _add(score, [name], min((one.score for one in members if one.score is not None), default=None))
        yield from (latency, errors, usage, score, _bands())
        newest = Condition.objects.order_by("-read_at").values_list("read_at", flat=True).first()
        read = GaugeMetricFamily("bailiwick_health_read_seconds", "When health was last measured")
        _add(read, [], newest.timestamp() if newest else None)
        yield read


def _grouped(conditions: Iterable[Condition]) -> list[Group]:
    by_traffic = sorted(conditions, key=lambda one: (-float(one.tally.get("requests", 0)), str(one.pk)))
    named, others = by_traffic[: settings.METRIC_TENANTS], by_traffic[settings.METRIC_TENANTS :]
    return [(str(one.pk), [one]) for one in named] + ([(OTHER, others)] if others else [])


def _storage(members: list[Condition]) -> float | None:
    known = [one for one in members if one.stored_bytes is not None]
    limit = sum(one.tenant.max_storage_gb for one in known) * GIGABYTE
    return sum(one.stored_bytes or 0 for one in known) / limit if limit else None


def _bands() -> Metric:
    """Tenants in use by how they are, as their pages say."""
    family = GaugeMetricFamily("bailiwick_tenants_by_health", "Tenants in use by health", labels=["band"])
    found = dict.fromkeys(("healthy", "degraded", "unhealthy", "unknown"), 0)
    rows = Tenant.objects.filter(status="active").order_by().values_list("health_score").annotate(Count("pk"))
    for score, count in rows:
        found[band(score)] += count
    for word, count in found.items():
        family.add_metric([word], count)
    return family


def _add(family: GaugeMetricFamily, labels: list[str], value: float | None) -> None:
    if value is not None:
        family.add_metric(labels, value)
