"""Cutovers in simulation: five steps of five minutes, looked at every 30 seconds, with a true rate of errors.

Latencies are log-normal with p95 at 400 ms, in buckets that grow by the half, as a histogram has them.
"""

import random
from collections.abc import Iterator
from math import exp, inf, log, log1p, sqrt
from statistics import NormalDist

from lifecycle.migration.gates import Mirrored, Observation, Window

SECONDS, WINDOWS = 30.0, 50
MEDIAN, SPREAD = 0.16, 0.557
EDGES = [0.05 * 1.5**step for step in range(12)] + [inf]


def windows(
    draw: random.Random, rate: float, errors: float, *, times: float = 1.0, blue: float = 0.003
) -> Iterator[Window]:
    """Both sides have as many requests; green fails at its rate, and is so many times slower."""
    while True:
        green = observed(draw, poisson(draw, rate * SECONDS), errors, times)
        asked = min(green.requests, 50)
        mirrored = Mirrored(asked, binomial(draw, asked, 0.003))
        yield Window(SECONDS, green, observed(draw, poisson(draw, rate * SECONDS), blue), mirrored)


def observed(draw: random.Random, requests: int, errors: float, times: float = 1.0) -> Observation:
    latencies, left, below = {}, requests, 0.0
    curve = NormalDist(log(MEDIAN * times), SPREAD)
    for edge in EDGES:
        until = 1.0 if edge == inf else curve.cdf(log(edge))
        latencies[edge] = binomial(draw, left, (until - below) / (1 - below)) if edge < inf else left
        left, below = left - latencies[edge], until
    failed = binomial(draw, requests, errors)
    return Observation(requests, failed, latencies, cpu=0.4, memory=0.5, pool=0.3)


def binomial(draw: random.Random, trials: int, chance: float) -> int:
    """Exact by the gaps between hits where they are few, else the normal curve."""
    if chance > 0.5:
        return trials - binomial(draw, trials, 1 - chance)
    if trials * chance > 50:
        return min(trials, max(0, round(draw.gauss(trials * chance, sqrt(trials * chance * (1 - chance))))))
    at, hits = 0, 0
    while chance > 0 and (at := at + 1 + int(log(1 - draw.random()) / log1p(-chance))) <= trials:
        hits += 1
    return hits


def poisson(draw: random.Random, mean: float) -> int:
    if mean > 50:
        return max(0, round(draw.gauss(mean, sqrt(mean))))
    count, left = 0, draw.random()
    while left > exp(-mean):
        count, left = count + 1, left * draw.random()
    return count


def would_have_gone_back(seen: list[Window]) -> bool:
    """The rule that the gates stand in for: an error rate above 1 % in any 30 seconds."""
    return any(one.green and one.green.requests and one.green.errors / one.green.requests > 0.01 for one in seen)
