"""A tenant's health as one number, from what was counted of it: no database, no clock.

Four parts give points from 0 to 100, straight between the value that earns all and the one that earns none:

    uptime   share of looks at which the platform was ready; all at the tier's promise, none `uptime_slack` below it
    errors   share of requests that ended in a 5xx; all at `errors_full`, none at `errors_none`
    latency  p95 of queries over the tier's target; all at 1, none at `latency_none`
    storage  share of the limit that is in use; all at `storage_full`, none at 1

What is not known has no points. The score is the weighted mean, and 80 or more is only said when every part is known.
Below that, what is unknown is given the benefit of the doubt: a tenant whose platform is gone is not well, whatever
else there is to know.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

HEALTHY, DEGRADED = 80, 50
PARTS = ("uptime", "errors", "latency", "storage")


class Scale(Protocol):
    """What the parts weigh (100 together) and how they are measured; shares, not percent."""

    least_requests: int

    def weights(self) -> dict[str, int]: ...
    def spans(self, promised: float) -> dict[str, tuple[float, float]]: ...


@dataclass(frozen=True)
class Tally:
    """What was counted. `buckets` are cumulative by upper edge in seconds, as Prometheus has them."""

    probes: float = 0.0
    ups: float = 0.0
    requests: float = 0.0
    errors: float = 0.0
    buckets: dict[str, float] = field(default_factory=dict)

    def faded(self, share: float) -> "Tally":
        """The same, counting for `share` of what it did."""
        buckets = {edge: count * share for edge, count in self.buckets.items()}
        return Tally(self.probes * share, self.ups * share, self.requests * share, self.errors * share, buckets)

    def plus(self, other: "Tally") -> "Tally":
        """Both together; where the edges of the buckets have changed, only the newer are of use."""
        same = not other.buckets or self.buckets.keys() == other.buckets.keys()
        edges = {**self.buckets, **other.buckets} if same else other.buckets
        mine = self.buckets if same else {}
        buckets = {edge: mine.get(edge, 0.0) + other.buckets.get(edge, 0.0) for edge in edges}
        return Tally(
            self.probes + other.probes,
            self.ups + other.ups,
            self.requests + other.requests,
            self.errors + other.errors,
            buckets,
        )

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Promise:
    """What the tier says: availability as a share, p95 in seconds, bytes."""

    uptime: float
    p95: float
    storage: float


@dataclass(frozen=True)
class Verdict:
    """Values by part (None: not known), their points, and the score."""

    values: dict[str, float | None]
    points: dict[str, float | None]
    least: float
    most: float

    @property
    def score(self) -> int | None:
        if self.least == self.most or self.most < HEALTHY:
            return math.floor(self.most + 1e-9)
        return None


def judge(tally: Tally, stored: float | None, promise: Promise, scale: Scale) -> Verdict:
    """Value, points and score. More errors, longer waits, fewer looks answered never raise it."""
    values = _values(tally, stored, promise, scale.least_requests)
    spans = scale.spans(promise.uptime)
    points = {name: None if value is None else _points(value, *spans[name]) for name, value in values.items()}
    weights = scale.weights()
    least = sum(weights[name] * (points[name] or 0.0) for name in PARTS) / 100
    unknown = sum(weights[name] for name in PARTS if points[name] is None)
    return Verdict(values, points, least, least + unknown)


def band(score: int | None) -> str:
    if score is None:
        return "unknown"
    return "healthy" if score >= HEALTHY else "degraded" if score >= DEGRADED else "unhealthy"


def quantile(share: float, buckets: Mapping[str, float]) -> float | None:
    """The quantile in seconds, straight within a bucket; the last finite edge where it lies above. None without any."""
    edges = sorted((float(edge), count) for edge, count in buckets.items())
    if not edges or edges[-1][1] <= 0:
        return None
    wanted, below, from_edge = share * edges[-1][1], 0.0, 0.0
    for edge, count in edges:
        if count >= wanted and count > below:
            inside = (wanted - below) / (count - below)
            return from_edge if math.isinf(edge) else from_edge + (edge - from_edge) * inside
        below, from_edge = max(below, count), edge if math.isfinite(edge) else from_edge
    return from_edge


def _values(tally: Tally, stored: float | None, promise: Promise, least: int) -> dict[str, float | None]:
    asked = max(tally.buckets.values(), default=0.0)
    p95 = quantile(0.95, tally.buckets) if asked >= least else None
    return {
        "uptime": tally.ups / tally.probes if tally.probes else None,
        "errors": tally.errors / tally.requests if tally.requests >= least else None,
        "latency": p95 / promise.p95 if p95 is not None else None,
        "storage": stored / promise.storage if stored is not None else None,
    }


def _points(value: float, full: float, none: float) -> float:
    """100 at `full` and beyond, 0 at `none` and beyond, straight between."""
    return 100 * min(1.0, max(0.0, (value - none) / (full - none)))
