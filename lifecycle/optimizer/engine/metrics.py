"""Metrics in batches: 500 queries a call, one query a resource, so 2,000 instances take four calls a metric.

A fortnight in two-hour windows is 168 points a query; 500 of them stay below the 100,800 that one answer holds.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from .facts import Instance, Region, Use
from .reading import Account, noting, pages

BATCH = 500
WINDOW = 7200
DAYS = 14
SLOTS = DAYS * 86400 // WINDOW
ADAY = 86400 // WINDOW
EVERY_MINUTE, EVERY_FIVE = WINDOW // 60, WINDOW // 300
Dimensions = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Metric:
    """A series: where it is, and whether its windows are told by their largest or their smallest value."""

    name: str
    namespace: str
    dimension: str
    stat: str = "Maximum"


CPU = Metric("CPUUtilization", "AWS/EC2", "InstanceId")
CREDITS = Metric("CPUCreditBalance", "AWS/EC2", "InstanceId", "Minimum")
SENT = Metric("NetworkOut", "AWS/EC2", "InstanceId")
MEMORY = Metric("mem_used_percent", "CWAgent", "InstanceId")
WINDOWS_MEMORY = "Memory % Committed Bytes In Use"
DB_CPU = Metric("CPUUtilization", "AWS/RDS", "DBInstanceIdentifier")
DB_MEMORY = Metric("FreeableMemory", "AWS/RDS", "DBInstanceIdentifier", "Minimum")
DB_STORAGE = Metric("FreeStorageSpace", "AWS/RDS", "DBInstanceIdentifier", "Minimum")
DB_CREDITS = Metric("CPUCreditBalance", "AWS/RDS", "DBInstanceIdentifier", "Minimum")


def span(at: datetime) -> tuple[datetime, datetime]:
    """The fortnight of whole windows before an instant."""
    end = datetime.fromtimestamp(at.timestamp() // WINDOW * WINDOW, UTC)
    return end - timedelta(days=DAYS), end


def measure(account: Account, region: Region, metric: Metric, resources: Iterable[str], at: datetime) -> None:
    """Put the use of these resources beside them; an answer that does not come is a gap named after the metric."""
    series = {one: (metric, ((metric.dimension, one),)) for one in resources}
    for resource, points in _answers(account, region, metric.name, series, at):
        region.use[resource, metric.name] = reduce(points, at)


def count(account: Account, region: Region, metric: Metric, wanted: Mapping[str, int], at: datetime) -> None:
    """Let coverage be the share of samples that came, of those that were to come in each window (`wanted`).

    A window with one sample has a largest value too. Where that cannot be told, nothing was measured.
    """
    counting = replace(metric, stat="SampleCount")
    told = {one: region.use.pop((one, metric.name), Use()) for one in wanted}
    series = {one: (counting, ((metric.dimension, one),)) for one in wanted}
    for one, points in _answers(account, region, metric.name, series, at):
        came = sum(min(value, wanted[one]) for slot, value in points.items() if 0 <= slot < SLOTS)
        share = min(told[one].coverage, round(came / (SLOTS * wanted[one]), 4))
        region.use[one, metric.name] = replace(told[one], coverage=share)


def measure_memory(account: Account, region: Region, instances: Sequence[Instance], at: datetime) -> None:
    """The agent's memory, by whatever dimensions it was set up to publish: the list of series says by which."""
    sizes = {one.id: one.size for one in instances}
    names = {WINDOWS_MEMORY if one.platform.startswith("Windows") else MEMORY.name for one in instances}
    series: dict[str, tuple[Metric, Dimensions]] = {}
    with noting(region.gaps, region.name, MEMORY.name):
        for name in sorted(names):
            for said in _published(account, region, name):
                one = dict(said).get("InstanceId", "")
                if one in sizes and dict(said).get("InstanceType", sizes[one]) == sizes[one]:
                    made = replace(MEMORY, name=name), said
                    series[one] = min(made, series.get(one, made), key=lambda each: (len(each[1]), each[1]))
    for resource, points in _answers(account, region, MEMORY.name, series, at):
        region.use[resource, MEMORY.name] = reduce(points, at)


def _published(account: Account, region: Region, name: str) -> Iterator[Dimensions]:
    client = account.client("cloudwatch", region.name)
    for page in pages(client, "list_metrics", "Metrics", Namespace=MEMORY.namespace, MetricName=name):
        for one in page:
            yield tuple(sorted((each["Name"], each["Value"]) for each in one["Dimensions"]))


def _answers(
    account: Account, region: Region, gap: str, series: Mapping[str, tuple[Metric, Dimensions]], at: datetime
) -> Iterator[tuple[str, dict[int, float]]]:
    """Points by window of each resource, batch by batch."""
    ordered = sorted(series)
    for batch in (ordered[start : start + BATCH] for start in range(0, len(ordered), BATCH)):
        with noting(region.gaps, region.name, gap):
            yield from _ask(account.client("cloudwatch", region.name), series, batch, at).items()


def _ask(
    client: Any, series: Mapping[str, tuple[Metric, Dimensions]], batch: Sequence[str], at: datetime
) -> dict[str, dict[int, float]]:
    """One that was answered in part only is left out: that is no measurement."""
    start, end = span(at)
    found: dict[str, dict[int, float]] = {one: {} for one in batch}
    asked: dict[str, Any] = {"MetricDataQueries": [_query(*series[one], n) for n, one in enumerate(batch)]}
    asked |= {"StartTime": start, "EndTime": end, "ScanBy": "TimestampAscending"}
    for page in client.get_paginator("get_metric_data").paginate(**asked):
        for one in page["MetricDataResults"]:
            resource = batch[int(one["Id"][1:])]
            if one.get("StatusCode", "Complete") in ("InternalError", "Forbidden"):
                found.pop(resource, None)
            elif resource in found:
                moments = zip(one["Timestamps"], one["Values"], strict=True)
                found[resource] |= {_slot(when, start): float(value) for when, value in moments}
    return found


def _query(metric: Metric, dimensions: Dimensions, number: int) -> dict[str, Any]:
    named = [{"Name": name, "Value": value} for name, value in dimensions]
    series = {"Namespace": metric.namespace, "MetricName": metric.name, "Dimensions": named}
    return {"Id": f"q{number}", "MetricStat": {"Metric": series, "Period": WINDOW, "Stat": metric.stat}}


def _slot(when: Any, start: datetime) -> int:
    at = when if isinstance(when, float) else when.timestamp()
    return int((at - start.timestamp()) // WINDOW)


def reduce(points: dict[int, float], at: datetime) -> Use:
    """What rules ask of a series. Percentiles by nearest rank: one that is between two values is the larger."""
    values = sorted(value for slot, value in points.items() if 0 <= slot < SLOTS)
    if not values:
        return Use()
    days = {slot // ADAY for slot in points if 0 <= slot < SLOTS}
    rank = [round(values[math.ceil(share * len(values)) - 1], 2) for share in (0.95, 0.995)]
    return Use(rank[0], rank[1], round(values[0], 2), len(days), round(len(values) / SLOTS, 4))
