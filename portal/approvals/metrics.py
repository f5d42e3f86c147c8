"""Approval figures for Prometheus, read at scrape time."""

from collections.abc import Iterator

from django.db.models import Count, Min
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from portal.lib.clock import now

from .models import Case, Requirement


class ApprovalCollector(Collector):
    def collect(self) -> Iterator[Metric]:
        cases = GaugeMetricFamily(
            "bailiwick_approval_cases", "Approval cases by kind and state", labels=["kind", "state"]
        )
        for row in Case.objects.values("kind", "state").annotate(count=Count("pk")).order_by():
            cases.add_metric([row["kind"], row["state"]], row["count"])
        yield cases
        at = now()
        age = GaugeMetricFamily("bailiwick_approval_wait_seconds", "Longest wait for a signature", labels=["role"])
        asked = Requirement.objects.filter(state=Requirement.State.OPEN, case__state=Case.State.OPEN)
        for role, since in asked.values_list("role").annotate(Min("opened_at")).order_by():
            age.add_metric([role], (at - since).total_seconds())
        yield age
        blocked = Case.objects.filter(state=Case.State.OPEN).exclude(blocked_reason="").count()
        yield GaugeMetricFamily("bailiwick_approval_blocked", "Open cases that nobody can move on", value=blocked)
