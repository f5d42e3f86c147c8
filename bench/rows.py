"""One table of what was measured, each row beside a floor measured in the same run."""

import statistics
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Any

HEADINGS = ("what", "measured", "floor", "ratio", "bar", "SQL", "")


@dataclass(frozen=True)
class Row:
    """One measurement, in seconds unless a `unit` is named. `per_second` rows are rates: there more is better."""

    name: str
    measured: float
    floor: float
    floor_is: str
    p95: float | None = None
    bar: float | None = None
    queries: int | None = None
    most_queries: int | None = None
    per_second: bool = False
    most_ratio: float | None = None
    unit: str = ""

    @property
    def ratio(self) -> float:
        """How many times the floor it takes."""
        return self.floor / self.measured if self.per_second else self.measured / self.floor

    @property
    def holds(self) -> bool:
        """True unless it misses a bar. Bars are for a quiet machine; on a shared one, read the ratio."""
        in_time = self.bar is None or (self.measured >= self.bar if self.per_second else self.measured <= self.bar)
        in_time = in_time and (self.most_ratio is None or self.ratio <= self.most_ratio)
        return in_time and (self.queries is None or self.most_queries is None or self.queries <= self.most_queries)

    def cells(self) -> tuple[str, ...]:
        shown = self._said(self.measured)
        if self.p95 is not None:
            shown += f" / {self._said(self.p95)}"
        queries = "" if self.queries is None else f"{self.queries}"
        queries += f" of {self.most_queries}" if self.most_queries else ""
        bar = "" if self.bar is None else f"{'≥' if self.per_second else '≤'} {self._said(self.bar)}"
        bar = bar if self.most_ratio is None else f"≤ {self.most_ratio} ×"
        floor = f"{self._said(self.floor)} ({self.floor_is})"
        return self.name, shown, floor, f"{self.ratio:.1f}", bar, queries, "" if self.holds else "missed"

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "ratio": round(self.ratio, 3), "holds": self.holds}

    def _said(self, value: float) -> str:
        if self.per_second:
            return f"{value:,.0f}/s"
        if self.unit:
            return f"{value:,.0f} {self.unit}"
        if value < 1e-5:
            return f"{value * 1e6:.2f} µs"
        return f"{value:.2f} s" if value >= 1 else f"{value * 1000:.1f} ms"


def table(rows: Iterable[Row]) -> str:
    """The rows as text, columns aligned."""
    lines = [HEADINGS, *(row.cells() for row in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(HEADINGS))]
    return "\n".join("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip()
                     for line in lines)  # fmt: skip


def timed(work: Callable[[], Any]) -> float:
    """Seconds that `work` takes once."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def sampled(work: Callable[[], Any], times: int, warm: int = 3) -> tuple[float, float]:
    """p50 and p95 of the seconds `work` takes."""
    for _ in range(warm):
        work()
    seen = sorted(timed(work) for _ in range(times))
    return statistics.median(seen), seen[min(len(seen) - 1, int(len(seen) * 0.95))]


def alternating(works: list[Callable[[], Any]], times: int, warm: int = 3) -> list[tuple[float, float]]:
    """p50 and p95 of each, taken in turns, so that a busy moment of the machine falls on all alike."""
    for work in works * warm:
        work()
    seen: list[list[float]] = [[] for _ in works]
    for _ in range(times):
        for work, found in zip(works, seen, strict=True):
            found.append(timed(work))
    return [(statistics.median(one), sorted(one)[min(times - 1, int(times * 0.95))]) for one in seen]
