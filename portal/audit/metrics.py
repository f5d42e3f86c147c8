"""The ledger for Prometheus: how much, how late, and what the last checks found."""

from collections.abc import Iterator

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from .health import CHECKS, health


class LedgerCollector(Collector):
    def collect(self) -> Iterator[Metric]:
        found = health()
        yield GaugeMetricFamily("ledger_size", "Entries sealed", value=found.size)
        yield GaugeMetricFamily("ledger_unsealed_entries", "Entries that wait for their seal", value=found.unsealed)
        yield GaugeMetricFamily("ledger_seal_lag_seconds", "Wait of the oldest unsealed entry", value=found.seal_lag)
        yield GaugeMetricFamily(
            "ledger_anchor_lag_seconds", "Wait of the oldest bare checkpoint", value=found.anchor_lag
        )
        yield GaugeMetricFamily("ledger_sealers", "Sealers connected", value=found.sealers)
        checks = GaugeMetricFamily("ledger_last_check_ok", "1 if the last check found no fault", labels=["kind"])
        outcomes = dict.fromkeys(CHECKS, True) | {one.kind: one.ok for one in found.findings}
        for kind, ok in outcomes.items():
            checks.add_metric([kind], float(ok))
        yield checks
