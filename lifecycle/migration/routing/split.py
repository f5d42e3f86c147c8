"""How many hundredths of the reads go to green: what was asked for, and whether it is what happens."""

from dataclasses import dataclass
from math import sqrt
from typing import Literal, Protocol

from lifecycle.migration.gates.verdict import Finding, Outcome
from lifecycle.stores.errors import Permanent

GATE = "observed split"
# Fewer requests say nothing; a difference below the margin harms nobody; chance exceeds this deviation once in 30,000.
ENOUGH, MARGIN, DEVIATIONS = 200, 0.02, 4.0


@dataclass(frozen=True)
class Intended:
    """A split as it is set up: hundredths for green, what will keep it from being so, how long the old one lives on."""

    green: int
    notices: tuple[str, ...] = ()
    settles_in_seconds: int = 0


@dataclass(frozen=True)
class Served:
    """How many requests each side has answered since the split was settled."""

    blue: int
    green: int


Side = Literal["blue", "green"]


class Split(Protocol):
    """What every adapter does; raises Transient or Permanent with the provider's own words."""

    def read(self) -> Intended:
        """The split as it really is set up."""
        ...

    def set(self, green: int) -> Intended:
        """Send so many hundredths to green, both sides in one step, and read it back."""
        ...

    def stands(self, side: Side) -> str:
        """What `remove` would take away of a side, in words; empty where there is nothing, or nothing any more."""
        ...

    def remove(self, side: Side) -> None:
        """Take away what leads to a side that nobody is led to any more; Permanent while it still has a weight."""
        ...


def as_intended(intended: Intended, served: Served) -> Finding:
    """Whether the observed split is the intended one; anything else holds.

    At 0 and 100 every single request counts: a rollback is over when nothing reaches green any more.
    """
    total, wanted = served.blue + served.green, intended.green / 100
    if total < ENOUGH:
        return Finding(GATE, Outcome.HOLD, f"{total} requests are too few to tell; {ENOUGH} are needed")
    seen = served.green / total
    allowed = max(MARGIN, DEVIATIONS * sqrt(wanted * (1 - wanted) / total)) if 0 < wanted < 1 else 0.0
    said = f"{seen:.1%} of {total} requests reach green, {wanted:.0%} are meant to"
    if abs(seen - wanted) <= allowed:
        return Finding(GATE, Outcome.PASS, said)
    return Finding(GATE, Outcome.HOLD, "; ".join((said, *intended.notices)))


def require_left(system: str, side: Side, weight: int, other: int) -> None:
    """Raises Permanent unless everybody is led to the other side."""
    if weight or not other:
        raise Permanent(system, "remove", f"{side} has the weight {weight} and the other side {other}")


def require_hundredths(system: str, green: int) -> None:
    """Raises Permanent for what is not a share."""
    if not 0 <= green <= 100:
        raise Permanent(system, "set", f"{green} is not a number of hundredths")


def require_set(system: str, found: Intended, green: int) -> Intended:
    """What was read back; raises Permanent when it is not what was set."""
    if found.green != green:
        raise Permanent(system, "set", f"{green} % were set and {found.green} % are read back")
    return found


def share(system: str, blue: int, green: int) -> int:
    """Green's hundredths of two weights; raises Permanent when both are 0, which providers take for an equal split."""
    if blue + green <= 0:
        raise Permanent(system, "read", "neither side has a weight")
    return round(100 * green / (blue + green))
