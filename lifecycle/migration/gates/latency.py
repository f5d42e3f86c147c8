"""Blue's quantile, and how many of green's answers took longer than so many times that.

Samples of all windows are pooled: a quantile of 30 seconds of a quiet tenant is one request's.
"""

from collections.abc import Iterable, Iterator, Mapping
from math import inf, sqrt

from .observations import Observation

SURE = 2.33  # standard deviations: 99 % on one side


def pooled(observations: Iterable[Observation]) -> dict[float, int]:
    """All of them as one, by upper edge, ascending."""
    counts: dict[float, int] = {}
    for observation in observations:
        for edge, count in observation.latencies.items():
            counts[edge] = counts.get(edge, 0) + count
    return dict(sorted(counts.items()))


def at_most(quantile: float, counts: Mapping[float, int]) -> float | None:
    """An upper bound of the quantile, 99 % sure for any distribution; None while there are too few to have one.

    The order statistic that far above the expected rank, taken to lie evenly in its bucket.
    """
    total = sum(counts.values())
    rank, seen = total * quantile + SURE * sqrt(total * quantile * (1 - quantile)), 0
    for lower, edge, count in _buckets(counts):
        if count and seen + count >= rank:
            return lower + (edge - lower) * (rank - seen) / count if edge < inf else None
        seen += count
    return None


def slower(than: float, counts: Mapping[float, int]) -> int | None:
    """How many took longer, by the same reading of a bucket, so that equals never differ; None where buckets end."""
    longer = 0.0
    for lower, edge, count in _buckets(counts):
        if lower >= than:
            longer += count
        elif edge == inf and count:
            return None
        elif edge > than and count:
            longer += count * (edge - than) / (edge - lower)
    return int(longer)


def _buckets(counts: Mapping[float, int]) -> Iterator[tuple[float, float, int]]:
    lower = 0.0
    for edge, count in counts.items():
        yield lower, edge, count
        lower = edge
