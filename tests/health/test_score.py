"""The formula: within 0 and 100, never better for worse figures, never good by what is not known."""

from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenants.health.models import Scale
from tenants.health.score import PARTS, Promise, Tally, band, judge, quantile

PROMISE = Promise(uptime=0.999, p95=0.3, storage=1e9)
SCALE = Scale()
EDGES = ("0.1", "0.3", "0.6", "0.9", "+Inf")
WELL = Tally(probes=60, ups=60, requests=100, errors=0, buckets=dict.fromkeys(EDGES, 100.0))

counts = st.integers(0, 1000)


@st.composite
def tallies(draw: Any) -> Tally:
    probes, requests = draw(counts), draw(counts)
    buckets, most = {}, 0
    for edge in EDGES:
        most += draw(st.integers(0, 50))
        buckets[edge] = float(most)
    return Tally(probes, draw(st.integers(0, probes)), requests, draw(st.integers(0, requests)), buckets)


@st.composite
def scales(draw: Any) -> Scale:
    cuts = sorted(draw(st.lists(st.integers(0, 100), min_size=3, max_size=3)))
    edges = [0, *cuts, 100]
    parts = [high - low for low, high in pairwise(edges)]
    return Scale(**{f"{name}_weight": weight for name, weight in zip(PARTS, parts, strict=True)})


stored = st.none() | st.integers(0, 2_000_000_000)


@given(tallies(), stored, scales())
def test_it_stays_within_its_bounds_and_is_good_only_where_all_is_known(
    tally: Tally, held: int | None, scale: Scale
) -> None:
    found = judge(tally, held, PROMISE, scale)
    assert -1e-9 <= found.least <= found.most <= 100 + 1e-9
    if found.score is not None and found.score >= 80:
        weights = scale.weights()
        assert all(found.points[name] is not None or weights[name] == 0 for name in PARTS)


@given(tallies(), st.integers(0, 2_000_000_000), scales(), st.integers(1, 500))
def test_worse_figures_never_earn_more(tally: Tally, held: int, scale: Scale, more: int) -> None:
    was = judge(tally, held, PROMISE, scale)
    slower = dict(tally.buckets) | {"+Inf": tally.buckets["+Inf"] + more}
    for worse, holding in (
        (replace(tally, probes=tally.probes + more), held),
        (replace(tally, errors=tally.errors + more, requests=tally.requests + more), held),
        (replace(tally, buckets=slower), held),
        (tally, held + more * 1_000_000),
    ):
        now = judge(worse, holding, PROMISE, scale)
        assert now.most <= was.most + 1e-9, "what was not known had the benefit of the doubt"


@pytest.mark.parametrize(
    ("change", "held", "score"),
    [
        ({}, 0, 100),
        ({"ups": 0}, 0, 70),
        ({"errors": 5}, 0, 70),
        ({"buckets": dict.fromkeys(EDGES, 0.0) | {"0.9": 100.0, "+Inf": 100.0}}, 0, 75),
        ({}, 1e9, 85),
        ({}, None, None),
        ({"requests": 4}, 0, None),
        ({"probes": 0, "ups": 0}, 0, None),
        ({"ups": 0, "requests": 0, "buckets": {}}, None, 70),
        ({"ups": 0, "errors": 50, "buckets": dict.fromkeys(EDGES, 0.0) | {"+Inf": 100.0}}, 2e9, 0),
    ],
)
def test_worked_figures(change: dict[str, Any], held: float | None, score: int | None) -> None:
    found = judge(replace(WELL, **change), held, PROMISE, SCALE)
    assert found.score == pytest.approx(score, abs=2) if score else found.score == score


def test_the_bands_begin_where_they_are_said_to() -> None:
    assert [band(one) for one in (100, 80, 79, 50, 49, 0, None)] == [
        "healthy", "healthy", "degraded", "degraded", "unhealthy", "unhealthy", "unknown",
    ]  # fmt: skip


def test_quantiles_as_prometheus_has_them() -> None:
    even = {"1": 50.0, "2": 100.0, "+Inf": 100.0}
    assert quantile(0.95, even) == pytest.approx(1.9) and quantile(0.25, even) == pytest.approx(0.5)
    assert quantile(0.95, {"1": 1.0, "+Inf": 100.0}) == 1.0, "beyond the last edge only that edge is known"
    assert quantile(0.95, {}) is None and quantile(0.95, {"1": 0.0}) is None


@given(tallies(), tallies())
def test_what_fades_and_what_comes_add_up(old: Tally, new: Tally) -> None:
    assert old.faded(0).plus(new) == new.plus(Tally())
    both = old.plus(new)
    assert both.requests == old.requests + new.requests
    assert both.buckets["+Inf"] == old.buckets["+Inf"] + new.buckets["+Inf"]
