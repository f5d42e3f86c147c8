"""What a gate says, in words and figures, and what all of them say together."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """FAIL rolls back; HOLD moves no more traffic and waits; PASS lets the next step begin."""

    PASS = "pass"  # noqa: S105
    HOLD = "hold"
    FAIL = "fail"


@dataclass(frozen=True)
class Finding:
    """One gate's answer."""

    gate: str
    outcome: Outcome
    reason: str


@dataclass(frozen=True)
class Verdict:
    """The worst of all gates, and every gate's answer."""

    outcome: Outcome
    findings: tuple[Finding, ...]

    @property
    def reason(self) -> str:
        """Why, from the gates that decided."""
        return "; ".join(one.reason for one in self.findings if one.outcome is self.outcome)


def together(findings: Sequence[Finding]) -> Verdict:
    """One that fails fails all, one that holds holds all."""
    outcomes = {one.outcome for one in findings}
    worst = next(one for one in (Outcome.FAIL, Outcome.HOLD, Outcome.PASS) if one in outcomes)
    return Verdict(worst, tuple(findings))
