"""The figures of moves for Prometheus, read from the database at scrape time."""

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from lifecycle.provisioning.metrics import histogram

from .models import BEFORE_SWITCH, ENDED, Migration, Passage, State

ORDER = [State.INITIATED, *BEFORE_SWITCH, State.TRAFFIC_CUTOVER_COMPLETE, State.BLUE_DECOMMISSIONED, State.COMPLETED]


class MigrationCollector(Collector):
    """Durations of moves that were switched, where the open ones stand, and how many were taken back."""

    def collect(self) -> Iterator[Metric]:
        switched = Migration.objects.filter(switched_at__isnull=False, started_at__isnull=False)
        yield histogram(
            "migration_duration_seconds",
            "Seconds from the start of a move to its switch",
            ["strategy"],
            (
                (strategy, (end - start).total_seconds())
                for strategy, start, end in switched.values_list("strategy", "started_at", "switched_at")
            ),
        )
        yield from _open()
        back = Passage.objects.filter(new=State.ROLLED_BACK, migration__drill=None).exclude(old=State.INITIATED).count()
        yield CounterMetricFamily("rollback_triggered", "Moves of tenants taken back", value=back)


def _open() -> Iterator[Metric]:
    step = GaugeMetricFamily("migration_current_step", "Where an open move stands", labels=["migration", "step"])
    log = GaugeMetricFamily("migration_log_retained_bytes", "Of a server's log, for an open move", labels=["migration"])
    share = GaugeMetricFamily("migration_percentage_complete", "How far its copy is", labels=["migration"])
    for one in Migration.objects.exclude(state__in=ENDED):
        at = State(one.resumes_at or one.state)
        step.add_metric([str(one), one.state], ORDER.index(at))
        if one.log_retained is not None:
            log.add_metric([str(one)], one.log_retained)
        share.add_metric([str(one)], min(100.0, 100 * one.rows_copied / one.rows_total) if one.rows_total else 0.0)
    yield step
    yield share
    yield log
