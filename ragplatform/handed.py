"""A read that a tenant's owner hands to the region the tenant moves to: answered only if it shows all it has to."""

from dataclasses import dataclass

from bailiwick_client import Applied, ReadToken

from .problems import Problem

TICKET, KNOWN_FOR, APPLIED = "X-Handed", "X-Known-For", "X-Applied"
LOAD = "load"  # instead of a region: the portal tries how much is borne here, and counts for itself
FRESH_SECONDS = 10.0
MARGIN_SECONDS = 1.0  # between a snapshot and the line that says when it was taken


@dataclass(frozen=True)
class Held:
    """What this store has of a tenant that moves here, and how old that is."""

    applied: Applied
    age: float

    def __str__(self) -> str:
        return f"{self.applied.epoch};{self.age:.3f};{self.applied.snapshot}"

    @classmethod
    def of(cls, text: str) -> "Held | None":
        """What the other platform said; None for what cannot be read."""
        try:
            epoch, age, snapshot = text.split(";", 2)
            return cls(Applied(int(epoch), snapshot), float(age))
        except ValueError:
            return None

    def shows(self, writes: list[ReadToken]) -> bool:
        """Whether all of these writes are visible here."""
        return all(one.is_visible_in(self.applied) for one in writes)


@dataclass(frozen=True)
class Asked:
    """What the owner wants to be visible: writes, and all that is older than its own knowledge of the split."""

    writes: list[ReadToken]
    known_for: float

    @classmethod
    def of(cls, read_after: str, known_for: str) -> "Asked | None":
        """From the headers; None where it asks for nothing, as a comparison does."""
        try:
            seconds = float(known_for)
        except ValueError:
            return None
        tokens = [ReadToken.of(one) for one in read_after.split(",") if one]
        # what cannot be read is taken for a write that is not here
        return cls([one or ReadToken(2**62, 0) for one in tokens], seconds)


def require(held: Held | None, asked: Asked | None) -> None:
    """Raises Problem 409 where the owner has to answer itself."""
    if asked is None:
        return
    if held is None or held.age > FRESH_SECONDS or held.age + MARGIN_SECONDS > asked.known_for:
        raise Problem(409, "not-yet", "What is here is older than what was asked for.")
    if not held.shows(asked.writes):
        raise Problem(409, "not-yet", "A write of the caller is not here yet.")
