"""Each gate by itself: what fails at once, what holds, and that words and figures say why."""

import random
from dataclasses import replace
from math import log
from typing import Any

import pytest

from lifecycle.migration.gates import Limits, Mirrored, Observation, Outcome, Verdict, Window, judge
from lifecycle.migration.gates.evidence import above, more_often

BUCKETS = {0.1: 300, 0.2: 150, 0.4: 45, 0.8: 5}
HEALTHY = Observation(500, 1, BUCKETS, cpu=0.4, memory=0.5, pool=0.3)
GOOD = Window(30.0, HEALTHY, HEALTHY, Mirrored(50))
SOAKED = [GOOD] * 10


def green(**changes: Any) -> Window:
    return replace(GOOD, green=replace(HEALTHY, **changes))


def said(verdict: Verdict, gate: str) -> tuple[Outcome, str]:
    return next((one.outcome, one.reason) for one in verdict.findings if one.gate == gate)


def test_healthy_and_soaked_passes() -> None:
    assert judge(SOAKED).outcome is Outcome.PASS
    assert judge(SOAKED[:9]).outcome is Outcome.HOLD, "270 s of 300 s"


@pytest.mark.parametrize(
    ("window", "why"),
    [
        (green(refused=1), "connections refused by green: 1"),
        (replace(GOOD, leaks=1), "isolation probes that saw rows of another tenant: 1"),
        (replace(GOOD, hash_mismatches=2), "hashes that differ between blue and green: 2"),
    ],
)
def test_one_of_these_is_enough_at_once(window: Window, why: str) -> None:
    verdict = judge([window])
    assert (verdict.outcome, verdict.reason) == (Outcome.FAIL, why)


@pytest.mark.parametrize(
    "windows",
    [
        [],
        [replace(GOOD, green=None)] * 10,
        [*SOAKED, replace(GOOD, green=None)],
        [*SOAKED, green(requests=0, errors=0, latencies={})],
        [Window(30.0, Observation(cpu=0.1, memory=0.1, pool=0.1), HEALTHY)] * 10,
        [replace(GOOD, blue=None)] * 10,
        [replace(GOOD, mirrored=Mirrored())] * 10,
        [green(cpu=None)] * 10,
    ],
    ids=["nothing", "no metrics", "metrics lost", "traffic lost", "no traffic", "no blue", "no mirror", "no cpu"],
)
def test_what_is_not_known_holds(windows: list[Window]) -> None:
    assert judge(windows).outcome is Outcome.HOLD


def test_probes_stand_in_for_a_quiet_tenant() -> None:
    probed = Observation(60, 0, {0.1: 57, 0.2: 3}, probes=60, cpu=0.1, memory=0.1, pool=0.1)
    assert judge([Window(30.0, probed, probed, Mirrored(60))] * 10).outcome is Outcome.PASS


@pytest.mark.parametrize("wrong", [{"empty": 5}, {"disagreed": 5}])
def test_fast_because_empty_fails_after_five_answers(wrong: dict[str, int]) -> None:
    fast = replace(HEALTHY, errors=0, latencies={0.1: 500})
    verdict = judge([replace(GOOD, green=fast, mirrored=Mirrored(5, **wrong))])
    assert verdict.outcome is Outcome.FAIL
    assert verdict.reason.startswith("5 of 5 (100.00%) mirrored answers differ")


def test_buckets_that_end_too_early_hold() -> None:
    slow = replace(HEALTHY, latencies={0.1: 460, 0.4: 35, float("inf"): 5})
    outcome, reason = said(judge([Window(30.0, slow, slow, Mirrored(50))] * 10), "latency")
    assert outcome is Outcome.HOLD and reason.startswith("the last bucket begins before")


def test_errors_that_blue_has_too_hold() -> None:
    bad = replace(HEALTHY, errors=25)
    outcome, reason = said(judge([replace(GOOD, green=bad, blue=bad)] * 10), "errors")
    assert outcome is Outcome.HOLD and "going back would not help" in reason


def test_allowed_but_far_worse_than_blue_holds() -> None:
    outcome, reason = said(
        judge([replace(GOOD, green=replace(HEALTHY, errors=4), blue=replace(HEALTHY, errors=0))] * 10), "errors"
    )
    assert outcome is Outcome.HOLD and "more than 2 times blue's rate" in reason


def test_errors_above_the_limit_say_so_in_figures() -> None:
    verdict = judge([green(errors=25)] * 10)
    assert verdict.outcome is Outcome.FAIL
    assert verdict.reason.startswith("250 of 5,000 (5.00%) requests failed on green; 1.00% allowed, odds")
    assert verdict.reason.endswith("blue: 10 of 5,000 (0.20%)")


@pytest.mark.parametrize("resource", ["cpu", "memory", "pool"])
def test_a_peak_holds_and_three_in_succession_fail(resource: str) -> None:
    over = green(**{resource: 0.95})
    assert said(judge([*SOAKED, over, over]), resource)[0] is Outcome.HOLD
    assert judge([*SOAKED, over, over, over]).outcome is Outcome.FAIL
    assert judge([*SOAKED, over, over, GOOD]).outcome is Outcome.PASS


def test_people_who_report_problems_are_heard() -> None:
    assert judge([*SOAKED, green(reported=1)]).outcome is Outcome.HOLD
    assert judge([*SOAKED, green(reported=1), green(reported=2)]).outcome is Outcome.FAIL


@pytest.mark.parametrize("wrong", [{"error_rate": 0}, {"error_rate": 0.5}, {"clearly_bad": 1}, {"false_alarm": 1}])
def test_limits_that_say_nothing_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"share|once"):
        Limits(**wrong)


def test_looking_after_every_request_does_not_raise_the_chance_of_a_false_alarm() -> None:
    """Exactly at the limit, 400 times 5,000 requests, looked at after each: at most one in twenty ever alarms."""
    draw, alarms = random.Random(1945), 0
    for _ in range(400):
        at = [request for request in range(1, 5_001) if draw.random() < 0.01]
        alarms += any(above(0.01, hits, trials) >= log(20) for hits, trials in enumerate(at, 1))
    assert 0 < alarms <= 20


def test_twice_the_rate_of_blue_is_told_from_the_same() -> None:
    assert more_often(1.0, [((20, 1_000), (20, 1_000))]) < 0
    assert more_often(1.0, [((40, 1_000), (10, 1_000))]) > log(1_000)
