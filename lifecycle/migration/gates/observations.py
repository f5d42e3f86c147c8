"""What was seen in one stretch of time, on both sides."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Observation:
    """One side's figures in one window. Synthetic probes are requests like any other; `probes` says how many.

    `latencies` counts requests by the upper edge, in seconds, of the bucket they fell in (not cumulated; the last
    edge is infinite). A figure that could not be read is None.
    """

    requests: int = 0
    errors: int = 0
    latencies: Mapping[float, int] = field(default_factory=dict)
    probes: int = 0
    refused: int = 0  # connections
    cpu: float | None = None
    memory: float | None = None
    pool: float | None = None
    reported: int = 0  # problems that people reported

    def __post_init__(self) -> None:
        if not 0 <= self.errors <= self.requests or min(self.latencies.values(), default=0) < 0:
            raise ValueError("errors are some of the requests, and counts are not negative")


@dataclass(frozen=True)
class Mirrored:
    """Reads that both sides were asked: how many, and on how many green's answer was not blue's."""

    compared: int = 0
    disagreed: int = 0  # overlap@k below the limit
    empty: int = 0  # no rows on green where blue had some

    @property
    def wrong(self) -> int:
        """An empty answer may have been counted as one that disagrees, too."""
        return max(self.disagreed, self.empty)


@dataclass(frozen=True)
class Window:
    """What is known of a stretch of time; a side whose metrics could not be had is None."""

    seconds: float
    green: Observation | None
    blue: Observation | None = None
    mirrored: Mirrored = Mirrored()
    leaks: int | None = 0  # isolation probes that saw another tenant's rows; None where the last could not be made
    hash_mismatches: int = 0  # keys whose content differs between the two sides as of one snapshot
