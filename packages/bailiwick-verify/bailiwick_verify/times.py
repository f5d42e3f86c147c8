"""When an entry says it was made, against when its checkpoint was sealed and a witness saw it."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from itertools import pairwise

from .body import heads, stamp
from .evidence import Claim
from .report import Attack, Finding
from .scan import Scan, Span

CLOCKS = timedelta(seconds=1)  # database, sealer and witness may differ by this
WITNESS_CLOCKS = timedelta(seconds=60)
SUSPECT = timedelta(minutes=10)  # transactions are limited to seconds, a system migration is not
IMPOSSIBLE = timedelta(hours=24)
RETENTION = timedelta(days=2557)
MAX_NAMED = 20


class Bounds:
    """Between which times the entries of a span can have been made, by the checkpoints around it."""

    def __init__(self, claims: Iterable[Claim]) -> None:
        timed = [(claim.size, at) for claim in claims if (at := sealed(claim))]
        self._sizes = [size for size, _ in timed]
        self._times = [at for _, at in timed]

    @property
    def newest(self) -> datetime | None:
        """When the newest checkpoint was sealed."""
        return self._times[-1] if self._times else None

    def latest(self, end: int) -> datetime | None:
        """When the first checkpoint that has these entries was sealed."""
        at = bisect_left(self._sizes, end)
        return self._times[at] if at < len(self._times) else None

    def earliest(self, first: int) -> datetime | None:
        """When the last checkpoint without these entries was sealed."""
        at = bisect_right(self._sizes, first) - 1
        return self._times[at] if at >= 0 else None


def sealed(claim: Claim) -> datetime | None:
    """When a checkpoint was sealed: as it says, else as its first witness saw it."""
    return claim.at or min((seen + WITNESS_CLOCKS for seen in claim.seen.values()), default=None)


def entries(scan: Scan, bounds: Bounds) -> tuple[list[Finding], list[Finding]]:
    """Return findings and warnings about entries whose `at` does not fit their place."""
    findings: list[Finding] = []
    warnings: list[Finding] = []
    first = scan.chunk.first
    for span in scan.spans:
        late, early = bounds.latest(span.end), bounds.earliest(first)
        if span.latest and late and span.latest > stamp(late + CLOCKS):
            why = f"its time lies after {late:%Y-%m-%d %H:%M:%S} UTC, when its checkpoint was sealed"
            findings += _named(scan, first, span, "post-dated", why, after=stamp(late + CLOCKS))
        if span.earliest and early and span.earliest < stamp(early - SUSPECT):
            impossible = span.earliest < stamp(early - IMPOSSIBLE)
            why = f"its time lies long before {early:%Y-%m-%d %H:%M:%S} UTC, when the checkpoint before it was sealed"
            limit = stamp(early - (IMPOSSIBLE if impossible else SUSPECT))
            (findings if impossible else warnings).extend(_named(scan, first, span, "back-dated", why, before=limit))
        first = span.end
    return findings, warnings


def _named(
    scan: Scan, first: int, span: Span, attack: Attack, why: str, before: bytes = b"", after: bytes = b"~"
) -> list[Finding]:
    inside = slice(first - scan.chunk.first, span.end - scan.chunk.first)
    found = []
    for index, (at, identity) in enumerate(zip(*heads(scan.chunk.lines()[inside]), strict=True), first):
        if at and (at < before or at > after):
            message = f"it says {at.decode(errors='replace')}; {why}"
            found.append(Finding(attack, "time", message, index, index, identity))
    return found[:MAX_NAMED]


def retired(ranges: Iterable[range], bounds: Bounds) -> Iterator[Finding]:
    """Warn of bodies called retired before their time: whoever deletes a row can call it so."""
    for one in ranges:
        made = bounds.latest(one.stop)
        newest = bounds.newest
        if one and made and newest and newest - made < RETENTION:
            message = f"their bodies count as retired after {(newest - made).days} days; retention is {RETENTION.days}"
            yield Finding("removed", "time", message, one.start, one.stop - 1)


def checkpoints(claims: list[Claim]) -> tuple[list[Finding], list[Finding]]:
    """Return findings and warnings about the checkpoints' own times."""
    findings, warnings = [], []
    timed = [claim for claim in claims if claim.at]
    for before, after in pairwise(timed):
        if before.at and after.at and after.at < before.at - CLOCKS:
            message = f"{after} says to be sealed at {after.at:%Y-%m-%d %H:%M:%S}, which is before {before}"
            findings.append(Finding("back-dated", "time", message))
    late = [claim for claim in timed if any(_unlike(claim, seen) for seen in claim.seen.values())]
    if late:
        message = (
            f"{len(late)} checkpoint(s) were first seen by a witness at quite another time than they say to be sealed, "
            f"for one {late[0]}: nothing independent dates their entries"
        )
        warnings.append(Finding("back-dated", "witness", message))
    return findings, warnings


def _unlike(claim: Claim, seen: datetime) -> bool:
    assert claim.at is not None
    return seen < claim.at - WITNESS_CLOCKS or seen > claim.at + SUSPECT
