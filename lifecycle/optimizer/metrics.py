"""What the optimizer last saw and what stands open, for Prometheus."""

from collections.abc import Iterator

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from portal.lib.clock import now

from .models import Outcome, Scan
from .queries import last_scan, standing


class OptimizerCollector(Collector):
    """Gaps of the last scan, how long nobody has seen the whole account, and what could be saved a month.

    Where none was ever whole the age is that of the first one; where nobody has scanned there is none.
    """

    def collect(self) -> Iterator[Metric]:
        gaps = GaugeMetricFamily("optimizer_scan_gaps", "What the last scan could not see, in parts")
        age = GaugeMetricFamily("optimizer_whole_scan_age_seconds", "Since the account was last seen whole")
        if (last := last_scan()) is not None:
            gaps.add_metric([], len(last.gaps))
            whole = Scan.objects.filter(outcome=Outcome.COMPLETE).order_by("-at").first()
            since = whole or Scan.objects.order_by("at").first() or last
            age.add_metric([], (now() - since.at).total_seconds())
        yield gaps
        yield age
        sums = standing()
        saving = GaugeMetricFamily("optimizer_open_inr", "What open findings would save a month", labels=["price"])
        saving.add_metric(["known"], float(sums["monthly"] or 0))
        saving.add_metric(["unknown_items"], sums["unpriced"])
        yield saving
