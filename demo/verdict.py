"""What a load has shown once it is over: every acknowledged write read back, and what its clients saw meanwhile."""

from collections import Counter
from dataclasses import dataclass, field


@dataclass
class Verdict:
    """Clean only when nothing was lost, reordered, unbalanced or refused, no writer died and every move was made.

    A load that wrote nothing has shown nothing. `lost` are acknowledged writes that are not there. `reordered` are
    those that an earlier one stands behind: a document is as an older acknowledged write left it, or a transfer is
    dated before the one that was acknowledged first.
    """

    acknowledged: int = 0
    lost: list[str] = field(default_factory=list)
    reordered: list[str] = field(default_factory=list)
    unbalanced: list[str] = field(default_factory=list)
    errors: Counter[str] = field(default_factory=Counter)
    died: int = 0
    is_moved: bool = True

    @property
    def is_clean(self) -> bool:
        wrong = (self.lost, self.reordered, self.unbalanced, self.errors, self.died)
        return self.is_moved and self.acknowledged > 0 and not any(wrong)

    def take(self, other: "Verdict") -> None:
        """Add what one writer has found."""
        self.acknowledged += other.acknowledged
        self.lost += other.lost
        self.reordered += other.reordered
        self.unbalanced += other.unbalanced

    def lines(self) -> list[str]:
        """Each finding, and the sum of them as the last line."""
        named = (("lost", self.lost), ("reordered", self.reordered), ("does not add up", self.unbalanced))
        said = [f"{name}: {line}" for name, lines in named for line in lines]
        said += [f"error seen: {number} × {kind}" for kind, number in sorted(self.errors.items())]
        said += [f"{self.died} writers died; their ledgers are not read back."] if self.died else []
        said += [] if self.is_moved else ["The moves that were asked for were not all made."]
        return [
            *said,
            f"{self.acknowledged} acknowledged writes: {len(self.lost)} lost, {len(self.reordered)} reordered,"
            f" {len(self.unbalanced)} sums wrong, {self.errors.total()} errors seen by clients.",
        ]
