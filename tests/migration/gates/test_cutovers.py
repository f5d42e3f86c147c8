"""A healthy green is never rolled back at any rate of requests, a bad one is; in simulated cutovers.

`make test` runs 20 at each rate with a printed seed, `BAILIWICK_SWEEPS=all` 200: a thousand in all.
"""

import random
from itertools import islice
from statistics import median

import pytest

from lifecycle.migration.gates import Outcome, judge
from tests.sweeps import SEED, WHOLE

from .cutover import WINDOWS, windows, would_have_gone_back

RUNS = 200 if WHOLE else 20


@pytest.fixture
def draw() -> random.Random:
    seed = SEED
    print(f"BAILIWICK_SEED={seed}")
    return random.Random(seed)


@pytest.mark.parametrize("rate", [0.2, 1, 5, 20, 100])
def test_a_healthy_green_is_never_rolled_back(draw: random.Random, rate: float) -> None:
    ends, cried = [], 0
    for _ in range(RUNS):
        seen = list(islice(windows(draw, rate, errors=0.003), WINDOWS))
        verdicts = [judge(seen[:until]) for until in range(1, WINDOWS + 1)]
        failed = [one.reason for one in verdicts if one.outcome is Outcome.FAIL]
        assert not failed, failed
        ends.append(verdicts[-1].outcome)
        cried += would_have_gone_back(seen)
    print(f"{rate} requests/s: {ends.count(Outcome.PASS)} pass, {ends.count(Outcome.HOLD)} hold, 0 of {RUNS} fail;")
    print(f"'errors > 1 % in 30 s' would have rolled back {cried} of {RUNS}")
    assert rate < 5 or ends.count(Outcome.PASS) >= 0.9 * RUNS, "a gate that never passes is no gate"


@pytest.mark.parametrize(("errors", "most"), [(0.03, 6_000), (0.2, 300)])
def test_a_green_that_fails_requests_is_caught(draw: random.Random, errors: float, most: int) -> None:
    caught_after = []
    for _ in range(RUNS):
        seen, requests = [], 0
        for window in windows(draw, most / 3_600, errors):
            seen.append(window)
            requests += window.green.requests if window.green else 0
            if judge(seen).outcome is Outcome.FAIL:
                break
            assert requests < most, judge(seen).reason
        caught_after.append(requests)
    print(f"{errors:.0%} errors: caught after {median(caught_after):,.0f} requests, at most {max(caught_after):,}")


def test_a_green_three_times_slower_is_caught(draw: random.Random) -> None:
    for _ in range(RUNS):
        seen = list(islice(windows(draw, 5, errors=0.003, times=3.0), WINDOWS))
        verdict = judge(seen)
        assert verdict.outcome is Outcome.FAIL and "took longer on green" in verdict.reason
