"""A scan of an estate with planted findings: all found, none false, the same bytes; and what could not be seen."""

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from lifecycle.optimizer.engine import prices, report
from lifecycle.optimizer.engine.metrics import CPU, measure, span
from lifecycle.optimizer.engine.reading import Account
from lifecycle.optimizer.engine.rules.instances import LIST_DIFFERS
from lifecycle.optimizer.engine.scan import Report, scan
from lifecycle.optimizer.printing import as_csv

from .account import Double
from .decisions import region as empty
from .estate import DATABASES, REGION, Planted, forget, level, plant

SHORT, DOWN = "has had its size for less than a fortnight", "instance.one_size_down"
AT = datetime.now(UTC).replace(microsecond=0) + timedelta(days=30)
SHEET = prices.load(rate=prices.Rate(Decimal("83.50"), date(2026, 6, 1), "RBI"))


@pytest.fixture(scope="module")
def estate() -> Iterator[tuple[Double, Planted]]:
    forget()
    with Double() as double:
        yield double, plant(double, instances=20, databases=len(DATABASES), groups=20)
    forget()


@pytest.fixture(autouse=True)
def _nothing_is_refused(estate: tuple[Double, Planted]) -> Iterator[None]:
    estate[0].calls.clear()
    estate[0].metrics.calls.clear()
    yield
    estate[0].refuse = lambda region, action: ""


@pytest.fixture(scope="module")
def seen(estate: tuple[Double, Planted]) -> Report:
    """One look at it, with nothing in the way."""
    return looked(estate[0])


def looked(double: Double, *regions: str, **more: Any) -> Report:
    return scan(Account(double.url, "reader", "not-a-secret", **more), regions or [REGION], SHEET, AT)


def pairs(seen: Report) -> set[tuple[str, str]]:
    return {(one.rule.id, one.resource) for one in seen.findings}


def test_all_that_was_planted_is_found_and_nothing_else_by_reading_alone(
    estate: tuple[Double, Planted], seen: Report
) -> None:
    """Twice, and the second report is the first to the byte."""
    double, planted = estate
    assert planted.found - pairs(seen) == set() and pairs(seen) - planted.found == set()
    assert {one.resource for one in seen.doubts} == planted.doubts
    assert not seen.is_partial and seen.counts["instances"] == 20 + len(planted.named)
    again = looked(double)
    assert all(action.startswith(("Describe", "Get", "List")) for action in double.calls), double.calls
    for told in (report.as_json, report.as_table, as_csv):
        assert told(seen) == told(again)


def test_two_thousand_instances_take_four_calls_a_metric(estate: tuple[Double, Planted]) -> None:
    double, ids = estate[0], [f"i-{n:05d}" for n in range(2000)]
    double.metrics.series |= {(CPU.name, one): level(7) for one in ids[:3]}
    found = empty()
    measure(Account(double.url, "reader", "x"), found, CPU, ids, AT)
    assert double.metrics.calls == {CPU.name: 4} and not found.gaps
    assert [found.of(one, CPU.name).p995 for one in ids[:4]] == [7.0, 7.0, 7.0, None]
    assert (span(AT)[1] - span(AT)[0]) == timedelta(days=14)


def test_throttled_pages_are_asked_again(estate: tuple[Double, Planted]) -> None:
    double, planted = estate
    double.refuse = lambda region, action: (
        "RequestLimitExceeded" if action == "DescribeVolumes" and double.calls[action] < 3 else ""
    )
    seen = looked(double)
    assert pairs(seen) == planted.found and not seen.is_partial and double.calls["DescribeVolumes"] >= 3


def test_what_stays_throttled_is_named_and_the_rest_is_found(estate: tuple[Double, Planted]) -> None:
    double, planted = estate
    double.refuse = lambda region, action: "RequestLimitExceeded" if action == "DescribeVolumes" else ""
    seen = looked(double, attempts=2)
    assert [(gap.what, gap.why) for gap in seen.gaps] == [("volumes", "throttled")] and seen.is_partial
    assert pairs(seen) == {pair for pair in planted.found if not pair[0].startswith("volume.")}


def test_a_denied_region_is_named_and_the_other_is_read(estate: tuple[Double, Planted]) -> None:
    double, planted = estate
    double.refuse = lambda region, action: "UnauthorizedOperation" if region == "eu-west-1" else ""
    seen = looked(double, REGION, "eu-west-1")
    assert pairs(seen) == planted.found
    assert {(gap.region, gap.why) for gap in seen.gaps} == {("eu-west-1", "denied")} and len(seen.gaps) == 6


def test_without_interfaces_no_group_is_called_unused(estate: tuple[Double, Planted]) -> None:
    double, planted = estate
    double.refuse = lambda region, action: "UnauthorizedOperation" if action == "DescribeNetworkInterfaces" else ""
    assert planted.found - pairs(looked(double)) == {
        pair for pair in planted.found if pair[0] in ("group.unused", "group.only_named")
    }


def test_without_metrics_nothing_is_said_about_use(estate: tuple[Double, Planted]) -> None:
    double, planted = estate
    double.refuse = lambda region, action: "AccessDenied" if action == "GetMetricData" else ""
    seen = looked(double)
    use = ("instance.", "fleet.", "database.one_size_down", "database.storage_oversized")
    assert pairs(seen) == {pair for pair in planted.found if not pair[0].startswith(use)}
    assert {one.why for one in seen.doubts} == {"metrics could not be read", SHORT}
    assert len(seen.doubts) == seen.counts["instances"] + seen.counts["databases"]


def test_what_was_resized_or_hardly_measured_is_doubted(estate: tuple[Double, Planted], seen: Report) -> None:
    planted, why = estate[1], {one.resource: one.why for one in seen.doubts}
    assert why[planted.named["resized"]] == why[f"db-{len(DATABASES) - 1:03d}"] == SHORT
    assert why[planted.named["sparse"]] == "measured on 14 of 14 days, 4% of the time"


def test_without_events_nobody_knows_what_a_database_was_before(estate: tuple[Double, Planted]) -> None:
    double, planted = estate
    double.refuse = lambda region, action: "AccessDenied" if action == "DescribeEvents" else ""
    seen = looked(double)
    use = ("database.one_size_down", "database.storage_oversized")
    assert [gap.what for gap in seen.gaps] == ["modifications"]
    assert pairs(seen) == {pair for pair in planted.found if not pair[0].startswith(use)}


def test_a_list_price_is_not_that_of_windows_or_dedicated_hardware(
    estate: tuple[Double, Planted], seen: Report
) -> None:
    saving = {one.resource: one.saving for one in seen.findings if one.rule.id == DOWN}
    for name in ("windows", "dedicated"):
        said = saving[estate[1].named[name]]
        assert said is not None and (said.monthly_inr, said.why) == (None, LIST_DIFFERS)


def test_memory_is_read_by_the_dimensions_that_the_agent_publishes(
    estate: tuple[Double, Planted], seen: Report
) -> None:
    """Most of the estate's agents name image and size too; without its memory one is at most of low confidence."""
    double, planted = estate
    found = {one.resource: one for one in seen.findings if one.rule.id == DOWN}
    sure = {planted.named.get(name, ""): grade for name, grade in
            (("windows", "high"), ("dedicated", "high"), ("agentless", "low"), ("stale", "low"))}  # fmt: skip
    assert {one: found[one].confidence for one in sure} == sure
    assert {one.confidence for one in found.values() if one.evidence["memory_p995"] == 20.0} == {"high"}
    double.refuse = lambda region, action: "AccessDenied" if action == "ListMetrics" else ""
    cut = looked(double)
    assert [gap.what for gap in cut.gaps] == ["mem_used_percent"]
    assert {one.confidence for one in cut.findings if one.rule.id == DOWN} == {"low"}


def test_a_fleet_is_resized_together_by_its_launch_template(seen: Report) -> None:
    (one,) = (one for one in seen.findings if one.resource == "asg/web")
    assert one.evidence["launch_template"] == "lt-1" and one.saving is not None
    assert one.change == {"path": ["overrides", "asg/web", "instance_type"], "before": "m5.xlarge", "after": "m5.large"}
    assert one.saving.monthly_usd == 2 * Decimal("0.096") * 730


def optimize(double: Double, settings: Any, **given: Any) -> tuple[int, str]:
    settings.OPTIMIZER = {**settings.OPTIMIZER, "key_id": "reader", "secret": "not-a-secret"}
    out = StringIO()
    given = {"region": [REGION], "endpoint_url": double.url, "at": AT.isoformat(), "inr_per_usd": "83.50", **given}
    try:
        call_command("optimize", stdout=out, stderr=StringIO(), **given)
    except SystemExit as left:
        return int(left.code or 0), out.getvalue()
    return 0, out.getvalue()


def test_the_command_exits_otherwise_when_it_did_not_see_all(estate: tuple[Double, Planted], settings: Any) -> None:
    double, planted = estate
    code, said = optimize(double, settings, format="json")
    found = json.loads(said)
    assert code == 0 and {(one["rule"], one["resource"]) for one in found["findings"]} == planted.found
    double.refuse = lambda region, action: "UnauthorizedOperation" if action == "DescribeVolumes" else ""
    code, said = optimize(double, settings)
    assert code == 2 and "NOT SEEN: us-east-1 volumes: denied" in said
    assert optimize(double, settings, format="csv")[1].startswith("\ufeffid,rule,")


@pytest.mark.parametrize("given", [{"at": "soon"}, {"inr_per_usd": "x"}, {"inr_per_usd": "-1"}, {"inr_per_usd": "NaN"}])
def test_the_command_refuses_what_it_cannot_read(given: dict[str, str]) -> None:
    with pytest.raises(CommandError):
        call_command("optimize", region=["us-east-1"], **given)
