"""Delivery figures for Prometheus, read at scrape time."""

from collections.abc import Iterator

from django.db.models import Count
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from .models import Delivery


class DeliveryCollector(Collector):
    def collect(self) -> Iterator[Metric]:
        sent = GaugeMetricFamily(
            "bailiwick_deliveries", "Messages by kind of channel and state", labels=["kind", "state"]
        )
        for row in Delivery.objects.values("channel__kind", "state").annotate(count=Count("pk")).order_by():
            sent.add_metric([row["channel__kind"], row["state"]], row["count"])
        yield sent
