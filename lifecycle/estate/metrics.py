"""What stands where it should not, for Prometheus: counted and priced from the findings that are open."""

from collections.abc import Iterator

from django.db.models import Count, Q, Sum
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from .models import Finding


class EstateCollector(Collector):
    """Findings by kind, and what orphans cost a month; those without a price are counted beside."""

    def collect(self) -> Iterator[Metric]:
        heard = Finding.objects.filter(state=Finding.State.OPEN, quiet_by=None).exclude(kind=Finding.Kind.KEPT)
        counted = dict(heard.values_list("kind").annotate(count=Count("pk")).order_by())
        family = GaugeMetricFamily("estate_findings", "Findings that wait for a decision", labels=["kind"])
        for kind in (one for one in Finding.Kind.values if one != Finding.Kind.KEPT):
            family.add_metric([kind], counted.get(kind, 0))
        yield family
        orphans = Finding.objects.filter(kind=Finding.Kind.ORPHAN).exclude(state=Finding.State.GONE)
        cost = orphans.aggregate(known=Sum("monthly_inr"), unknown=Count("pk", filter=Q(monthly_inr=None)))
        price = GaugeMetricFamily("estate_orphan_cost_inr", "What orphans cost a month", labels=["price"])
        price.add_metric(["known"], float(cost["known"] or 0))
        price.add_metric(["unknown_items"], cost["unknown"])
        yield price
