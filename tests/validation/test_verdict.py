"""What results mean together."""

import pytest

from lifecycle.provisioning.validation import NAMES, CheckResult, verdict
from lifecycle.provisioning.validation.checks import BACKGROUND, CHECKS
from lifecycle.provisioning.validation.findings import Findings
from lifecycle.provisioning.validation.result import Category, Outcome


def result(name: str, outcome: Outcome = "pass", category: Category | None = None) -> CheckResult:
    own = next(check.category for check in CHECKS if check.name == name)
    return CheckResult(name, name, category or own, outcome, "", {}, 0.0)


def results(**changes: CheckResult) -> list[CheckResult]:
    return [changes.get(name, result(name)) for name in NAMES]


def test_exactly_nine_each_once() -> None:
    assert sorted(check.name for check in CHECKS) == sorted(NAMES)
    assert len(NAMES) == 9 and set(BACKGROUND) < set(NAMES)
    assert all(len(check.name) <= 40 and len(check.title) <= 120 for check in CHECKS)


@pytest.mark.parametrize(
    ("name", "outcome", "expected"),
    [
        ("tenant_isolation", "fail", ("fail", "roll_back")),
        ("row_security", "could_not_run", ("fail", "roll_back")),
        ("authentication", "could_not_run", ("fail", "roll_back")),
        ("cost_tags", "fail", ("fail", "block")),
        ("metrics", "could_not_run", ("fail", "block")),
        ("latency", "warn", ("warn", "warn")),
        ("latency", "could_not_run", ("fail", "hold")),
        ("latency", "pass", ("pass", "none")),
    ],
)
def test_one_bad_result(name: str, outcome: Outcome, expected: tuple[str, str]) -> None:
    judged = verdict(results(**{name: result(name, outcome)}))
    assert (judged.outcome, judged.rule) == expected
    assert judged.decided_by == (() if outcome == "pass" else (name,))
    assert judged.could_not_run is (outcome == "could_not_run")


def test_the_worst_decides() -> None:
    mixed = results(
        latency=result("latency", "warn"),
        cost_tags=result("cost_tags", "fail"),
        vectors=result("vectors", "fail"),
    )
    assert verdict(mixed).rule == "roll_back" and verdict(mixed).decided_by == ("vectors",)


def test_a_duty_not_met_in_a_security_check_blocks_and_does_not_roll_back() -> None:
    judged = verdict(results(object_store=result("object_store", "fail", "compliance")))
    assert (judged.outcome, judged.rule) == ("fail", "block")


def test_a_check_that_is_missing_is_a_failure() -> None:
    judged = verdict([one for one in results() if one.name != "latency"])
    assert (judged.outcome, judged.decided_by, judged.could_not_run) == ("fail", ("latency",), True)
    assert verdict([]).outcome == "fail"


def test_found_wrong_beside_not_seen_is_not_worth_another_try() -> None:
    judged = verdict(results(vectors=result("vectors", "could_not_run"), row_security=result("row_security", "fail")))
    assert not judged.could_not_run


def test_findings() -> None:
    found = Findings("security")
    assert found.outcome == "could_not_run"  # nothing proved is no pass
    found.held("one")
    assert found.outcome == "pass"
    found.missed("slow")
    assert found.outcome == "warn"
    found.unseen("dark")
    assert found.outcome == "could_not_run"
    found.wrong("no tags", "compliance")
    assert (found.outcome, found.category, found.summary) == ("fail", "compliance", "no tags")
    found.wrong("leak" * 200)
    assert found.category == "security"
    assert found.summary == "no tags (and 1 more)"
    assert len(Findings("security").summary) <= 500 and found.evidence["counts"]["failed"] == 2
