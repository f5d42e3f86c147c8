"""What a check found, and what all nine together mean."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

Category = Literal["security", "compliance", "performance"]
Outcome = Literal["pass", "warn", "fail", "could_not_run"]
Rule = Literal["none", "roll_back", "block", "warn", "hold"]

NAMES = (
    "database_connection",
    "tenant_isolation",
    "row_security",
    "vectors",
    "authentication",
    "latency",
    "object_store",
    "metrics",
    "cost_tags",
)


@dataclass(frozen=True)
class CheckResult:
    """One check's answer. `evidence` is JSON and holds no secret. `category` is that of the worst thing found."""

    name: str
    title: str
    category: Category
    outcome: Outcome
    summary: str
    evidence: dict[str, Any]
    seconds: float


@dataclass(frozen=True)
class Verdict:
    """What the suite means for the tenant.

    rule: `roll_back` (security), `block` (compliance), `hold` (performance could not be measured or failed),
    `warn` (performance missed), `none`. decided_by: the checks that brought it about. could_not_run: nothing was
    found wrong, but not everything could be looked at; running the suite again may change the verdict.
    """

    outcome: Literal["pass", "warn", "fail"]
    rule: Rule
    decided_by: tuple[str, ...]
    could_not_run: bool


def verdict(results: Iterable[CheckResult]) -> Verdict:
    """Judge the results, where a check missing among the nine counts as one that could not run."""
    by_name = {one.name: one for one in results}
    missing = tuple(name for name in NAMES if name not in by_name)
    bad = [one for one in by_name.values() if one.outcome in ("fail", "could_not_run")]
    security = tuple(one.name for one in bad if one.category == "security") + missing
    only_unseen = bool(bad or missing) and all(one.outcome == "could_not_run" for one in bad)
    if security:
        return Verdict("fail", "roll_back", security, only_unseen)
    compliance = tuple(one.name for one in bad if one.category == "compliance")
    if compliance:
        return Verdict("fail", "block", compliance, only_unseen)
    if bad:
        return Verdict("fail", "hold", tuple(one.name for one in bad), only_unseen)
    warned = tuple(one.name for one in by_name.values() if one.outcome == "warn")
    return Verdict("warn", "warn", warned, False) if warned else Verdict("pass", "none", (), False)
