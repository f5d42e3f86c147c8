"""Job and outbox figures for Prometheus, read from the database at scrape time so that every process agrees."""

from collections.abc import Iterator

from django.db.models import Count, Min, Q
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from portal.lib.clock import now

from .lease import orphans
from .models import Delivery, DeliveryState, Job, JobState


class JobCollector(Collector):
    def collect(self) -> Iterator[Metric]:
        jobs = GaugeMetricFamily("bailiwick_jobs", "Jobs by kind and state", labels=["kind", "state"])
        for row in Job.objects.values("kind", "state").annotate(count=Count("pk")).order_by():
            jobs.add_metric([row["kind"], row["state"]], row["count"])
        yield jobs
        oldest = Job.objects.filter(state=JobState.QUEUED).aggregate(at=Min("created_at"))["at"]
        age = (now() - oldest).total_seconds() if oldest else 0.0
        yield GaugeMetricFamily("bailiwick_job_queue_age_seconds", "Age of the oldest queued job", value=age)
        yield GaugeMetricFamily("bailiwick_jobs_orphaned", "Jobs whose worker is gone", value=len(orphans()))
        waiting = GaugeMetricFamily("bailiwick_outbox_deliveries", "Undelivered events by state", labels=["state"])
        planned = Q(attempts=0, next_at__gt=now())
        open_ones = Delivery.objects.exclude(state=DeliveryState.DELIVERED).exclude(planned)
        counts = dict(open_ones.values_list("state").annotate(Count("pk")).order_by())
        for state in (DeliveryState.PENDING, DeliveryState.DEAD):
            waiting.add_metric([state.value], counts.get(state.value, 0))
        yield waiting
