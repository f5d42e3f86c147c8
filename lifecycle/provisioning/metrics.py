"""The provisioning figures for Prometheus, read from the database at scrape time: exact, and kept over restarts."""

from collections.abc import Iterable, Iterator
from typing import Any

from django.db import connection
from django.db.models import Count
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from lifecycle.models import State, TenantRequest, TerraformCommand, ValidationCheck
from portal.jobs.models import Job, JobState
from portal.lib.clock import now

SECONDS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600)


class ProvisioningCollector(Collector):
    """Every series of provisioning.md, with exactly its names and labels."""

    def collect(self) -> Iterator[Metric]:
        yield _durations()
        yield _successes()
        yield _failures()
        yield histogram(
            "validation_test_duration_seconds",
            "Seconds a validation check took",
            ["test_name"],
            ((name, seconds) for name, seconds in ValidationCheck.objects.values_list("name", "seconds")),
        )
        yield from _rollbacks()
        yield histogram(
            "terraform_execution_duration_seconds",
            "Seconds a Terraform command took",
            ["command"],
            TerraformCommand.objects.exclude(seconds=None).values_list("command", "seconds"),
        )
        yield _automated()
        yield from _ages()
        yield _orphans()


def _durations() -> Metric:
    rows = TenantRequest.objects.filter(state=State.ACTIVE, provisioning_at__isnull=False)
    pairs = rows.values_list("tier_id", "region", "provisioning_at", "ended_at")
    return histogram(
        "provisioning_duration_seconds",
        "Seconds from the start of provisioning to an active tenant",
        ["tier", "region"],
        ((tier, region, (end - start).total_seconds()) for tier, region, start, end in pairs),
    )


def _successes() -> Metric:
    family = CounterMetricFamily("provisioning_success", "Tenants provisioned", labels=["tier"])
    for row in TenantRequest.objects.filter(state=State.ACTIVE).values("tier_id").annotate(count=Count("pk")):
        family.add_metric([row["tier_id"]], row["count"])
    return family


FAILURES = """
SELECT r.tier_id, coalesce(s.name, 'none'), count(*)
FROM jobs_job j
JOIN lifecycle_tenantrequest r ON r.id::text = j.subject_id
LEFT JOIN jobs_step s ON s.job_id = j.id AND s.state = 'failed'
WHERE j.kind IN ('provision.plan', 'provision.apply') AND j.state = 'failed'
GROUP BY 1, 2
"""


def _failures() -> Metric:
    family = CounterMetricFamily("provisioning_failures", "Provisioning jobs that failed", labels=["tier", "step"])
    with connection.cursor() as cursor:
        cursor.execute(FAILURES)
        for tier, step, count in cursor.fetchall():
            family.add_metric([tier, step], count)
    return family


def _rollbacks() -> Iterator[Metric]:
    jobs = Job.objects.filter(kind="provision.roll_back")
    incomplete = TenantRequest.objects.filter(state=State.ROLLBACK_INCOMPLETE).count()
    done = TenantRequest.objects.filter(state=State.ROLLED_BACK, rollback_job_id__isnull=False).count()
    failed = jobs.filter(state=JobState.FAILED).count() + incomplete
    yield CounterMetricFamily("rollback_success", "Roll-backs that left nothing", value=done)
    yield CounterMetricFamily("rollback_failures", "Roll-backs that failed or left something", value=failed)


def _automated() -> Metric:
    ended = TenantRequest.objects.filter(state=State.ACTIVE)
    total, by_hand = ended.count(), ended.exclude(manual_reasons=[]).count()
    ratio = (total - by_hand) / total if total else 1.0
    return GaugeMetricFamily("provisioning_automated_ratio", "Share of tenants made without manual set-up", value=ratio)


def _ages() -> Iterator[Metric]:
    at = now()
    waits = {
        "provisioning_queue_age_seconds": [State.SUBMITTED, State.APPROVED],
        "provisioning_approval_age_seconds": [State.PENDING_APPROVAL],
    }
    for name, states in waits.items():
        oldest = TenantRequest.objects.filter(state__in=states).order_by("state_changed_at").first()
        age = (at - oldest.state_changed_at).total_seconds() if oldest else 0.0
        yield GaugeMetricFamily(name, "Age of the oldest request that waits", value=age)


def _orphans() -> Metric:
    left = TenantRequest.objects.filter(state=State.ROLLBACK_INCOMPLETE).values_list("remainder", flat=True)
    costs = [one.get("monthly_inr") for rows in left for one in rows]
    known = sum(float(cost) for cost in costs if cost is not None)
    family = GaugeMetricFamily("provisioning_orphan_cost_inr", "Monthly cost of what roll-backs left", labels=["price"])
    family.add_metric(["known"], known)
    family.add_metric(["unknown_items"], sum(cost is None for cost in costs))
    return family


def histogram(name: str, text: str, labels: list[str], rows: Iterable[Any]) -> Metric:
    """Rows are label values followed by seconds."""
    series: dict[tuple[str, ...], list[float]] = {}
    for *values, seconds in rows:
        series.setdefault(tuple(map(str, values)), []).append(seconds)
    family = HistogramMetricFamily(name, text, labels=labels)
    for key, seen in sorted(series.items()):
        buckets = [(str(edge), float(sum(value <= edge for value in seen))) for edge in SECONDS]
        family.add_metric(list(key), [*buckets, ("+Inf", float(len(seen)))], sum_value=sum(seen))
    return family
