"""The platform's counters as windows: what came between two looks, and everything since the switch as one."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any
from uuid import UUID

from lifecycle.migration.gates import Mirrored, Observation, Window
from lifecycle.migration.gates.judge import RESOURCES
from tenants.health.score import Tally
from tenants.health.scrape import Counted, Look


@dataclass(frozen=True)
class Counters:
    """A tenant's counters on one platform, and when that platform began to count. None: they were never read."""

    started: float | None = None
    tally: dict[str, Any] = field(default_factory=dict)
    side: dict[str, Any] | None = None
    isolation_at: str = ""


def counters_of(look: Look, tenant_id: UUID) -> Counters:
    """What a look says of the tenant."""
    return Counters(look.started, look.tenants.get(str(tenant_id), Counted()).tally().as_json())


def between(before: Counters, after: Counters) -> Tally | None:
    """What came since; a platform that was started anew counts from nought. None where either was not read."""
    if before.started is None or after.started is None:
        return None
    old, new = Tally(**before.tally), Tally(**after.tally)
    goes_on = before.started == after.started and old.requests <= new.requests
    return new.plus(old.faded(-1)) if goes_on else new


def observed(tally: Tally, probes: int = 0) -> Observation:
    """Counts as the gates take them."""
    requests = int(tally.requests)
    return Observation(requests, min(int(tally.errors), requests), by_bucket(tally.buckets), probes)


def by_bucket(cumulative: Mapping[str, float]) -> dict[float, int]:
    """Counts by upper edge, not cumulated."""
    counts, below = {}, 0
    for edge, total in sorted((float(edge), int(count)) for edge, count in cumulative.items()):
        counts[edge] = max(0, total - below)
        below = max(below, total)
    return counts


def together(first: Window, second: Window) -> Window:
    """Both as one. Blue stays what it was: it serves nobody any more."""
    return Window(first.seconds + second.seconds, summed(first.green, second.green), first.blue)


def summed(one: Observation | None, other: Observation | None) -> Observation | None:
    """What was counted in both; what is not known counts nothing."""
    if one is None or other is None:
        return one or other
    edges = sorted({*one.latencies, *other.latencies})
    return Observation(
        requests=one.requests + other.requests,
        errors=one.errors + other.errors,
        latencies={edge: one.latencies.get(edge, 0) + other.latencies.get(edge, 0) for edge in edges},
        probes=one.probes + other.probes,
        refused=one.refused + other.refused,
    )


def as_json(window: Window) -> dict[str, Any]:
    """What is kept of a window."""
    sides = {"green": _kept(window.green), "blue": _kept(window.blue)}
    return {"seconds": round(window.seconds, 1), **sides, "mirrored": asdict(window.mirrored)}


def from_json(kept: Mapping[str, Any]) -> Window:
    """The window that `as_json` kept."""
    return Window(kept["seconds"], _read(kept["green"]), _read(kept["blue"]), Mirrored(**kept.get("mirrored", {})))


def of_late(kept: Mapping[str, Any]) -> list[Window]:
    """What green's process used up in the last looks: windows in which nothing else was counted."""
    return [Window(0.0, Observation(**one)) for one in kept.get("of_late", [])]


def with_use(figures: dict[str, Any], before: Mapping[str, Any], green: Observation | None) -> dict[str, Any]:
    """The figures, and beside them what the last looks found used up."""
    used = {name: getattr(green, name, None) for name in RESOURCES}
    return {**figures, "of_late": [*before.get("of_late", []), used][-LATE:]}


def with_reports(green: Observation, reported: int) -> Observation:
    """The same, and how many problems people have reported altogether: not kept, so that it is counted once."""
    return replace(green, reported=reported)


LATE = 5
COUNTS = ("requests", "errors", "probes", "refused")


def _kept(one: Observation | None) -> dict[str, Any] | None:
    if one is None:
        return None
    buckets = {str(edge): count for edge, count in one.latencies.items()}
    return {**{name: getattr(one, name) for name in COUNTS}, "latencies": buckets}


def _read(kept: Mapping[str, Any] | None) -> Observation | None:
    if kept is None:
        return None
    buckets = {float(edge): count for edge, count in kept["latencies"].items()}
    return Observation(latencies=buckets, **{name: kept[name] for name in COUNTS})
