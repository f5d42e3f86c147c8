"""What the pass itself saw, entry by entry, less what is explained already."""

from array import array
from collections.abc import Iterable, Iterator, Sequence

from .naming import Located
from .report import Attack, Detector, Finding
from .scan import Scan

MAX_NAMED = 50


def findings(scans: list[Scan], located: Located) -> Iterator[Finding]:
    """Yield a finding for each run of entries that is wrong in itself."""
    ids: array[int] = array("q")
    for one in scans:
        ids.extend(one.ids)
    yield from _counts(scans)
    for attack, detector, message, indexes in _seen(scans, located):
        runs = list(_runs(index for index in indexes if index not in located.explained))
        for first, last in runs[:MAX_NAMED]:
            yield Finding(attack, detector, message, first, last, ids[first] if first == last < len(ids) else None)
        if len(runs) > MAX_NAMED:
            yield Finding(attack, detector, f"{len(runs) - MAX_NAMED} more places", runs[MAX_NAMED][0], runs[-1][1])
    yield from _duplicates(ids)


def _seen(scans: list[Scan], located: Located) -> Iterator[tuple[Attack, Detector, str, Iterable[int]]]:
    wrong = {index for one in scans for index in one.wrong}
    copies = [index for one in scans for index in one.differing if index not in wrong]
    sealed = [index for index in copies if located.lost is None or index < located.lost]
    unproved = "database and anchored copy differ, and no checkpoint could be tried on either"
    yield "edited", "stored leaf", "its body does not hash to its stored leaf", sorted(wrong)
    yield "copy rewritten", "anchored copy", "its anchored copy differs from the sealed entry", sealed
    yield "rewritten", "anchored copy", unproved, copies[len(sealed) :]
    gone = (index for one in scans for index in one.unlawful)
    yield "removed", "stored leaf", "its body is gone and no retirement covers it", gone
    odd = (index for one in scans for index in one.unreadable)
    yield "unreadable entry", "id", "no time and id can be read from it", odd


def _counts(scans: list[Scan]) -> Iterator[Finding]:
    for one in scans:
        if one.bodies != one.chunk.count:
            message = f"{one.chunk.bodies.name} has {one.bodies} bodies for {one.chunk.count} leaves"
            attack: Attack = "removed" if one.bodies < one.chunk.count else "inserted"
            yield Finding(attack, "stored leaf", message, one.chunk.first, one.chunk.end - 1)


def _runs(indexes: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Consecutive indexes as (first, last)."""
    first = last = -2
    for index in indexes:
        if index == last + 1:
            last = index
            continue
        if first >= 0:
            yield first, last
        first = last = index
    if first >= 0:
        yield first, last


def _duplicates(ids: Sequence[int]) -> Iterator[Finding]:
    if len(set(ids)) + max(ids.count(-1) - 1, 0) == len(ids):
        return
    first: dict[int, int] = {}
    for index, one in enumerate(ids):
        if one >= 0 and first.setdefault(one, index) != index:
            yield Finding("duplicate id", "id", f"entry {first[one]} has this id too", index, index, one)
