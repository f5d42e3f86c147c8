"""Tenant figures for Prometheus, read at scrape time: how many stand where, and what each is expected to cost."""

from collections.abc import Iterator

from django.db.models import Count
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from .models import Status, Tenant

# One that is being erased is told of by number alone: a scrape would bring its series back.
COSTING = (Status.PROVISIONING, Status.ACTIVE, Status.SUSPENDED, Status.ARCHIVED)


class TenantCollector(Collector):
    """Cost is the estimate at today's price book, INR a month; a tenant whose price is unknown has no sample."""

    def collect(self) -> Iterator[Metric]:
        standing = GaugeMetricFamily("bailiwick_tenants", "Tenants by status and tier", labels=["status", "tier"])
        for row in Tenant.objects.values("status", "tier_id").annotate(count=Count("pk")).order_by():
            standing.add_metric([row["status"], row["tier_id"]], row["count"])
        yield standing
        names = ["tenant", "business_unit", "tier", "region"]
        cost = GaugeMetricFamily("bailiwick_tenant_cost_inr", "Expected cost of a tenant, INR a month", labels=names)
        costing = Tenant.objects.filter(status__in=COSTING, monthly_cost_inr__isnull=False)
        for key, unit, tier, region, amount in costing.values_list(
            "pk", "business_unit_id", "tier_id", "region", "monthly_cost_inr"
        ):
            cost.add_metric([str(key), unit, tier, region], float(amount))
        yield cost
        unknown = Tenant.objects.filter(status__in=COSTING, monthly_cost_inr=None).count()
        yield GaugeMetricFamily("bailiwick_tenant_cost_unknown", "Tenants without a known cost", value=unknown)
