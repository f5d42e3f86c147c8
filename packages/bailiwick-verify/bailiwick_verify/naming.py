"""A difference between the truth and the database, told as findings: which entries, and by whose word."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from . import difference
from .body import RETIRED
from .difference import Difference
from .report import Attack, Detector, Finding
from .truth import Entry, Sources, Truth

MAX_NAMED = 50
SLACK = 4096


@dataclass(slots=True)
class Located:
    """Findings, the indexes they explain, and the index from which on no checkpoint could be tried."""

    findings: list[Finding] = field(default_factory=list)
    explained: set[int] = field(default_factory=set)
    lost: int | None = None


def explain(located: Located, sources: Sources, truth: Truth, size: int) -> None:
    """Name what differs between the truth and the database of `size` entries."""
    end = _until(truth, size)
    ours = _as_it_is(sources, truth, end)
    found = difference.compare(truth.entries, ours)
    if end < size:  # the database goes on in a way that is proved or tried elsewhere
        found.inserted = [at for at in found.inserted if at < found.common[1]]
    if not found:
        _leaves(located, sources, truth)
        return
    at, our = found.common
    tail = range(at, len(truth.entries))
    if _restored(found, truth.entries, ours):
        located.findings.append(_earlier_state(truth, at, len(ours) - our))
        located.explained.update(range(truth.start + our, size))
        found = found.before(at, our)
    elif tail and truth.end == truth.proved and not truth.lost and {*tail} <= {*found.removed}:
        located.findings.append(_truncated(truth, tail))
        found = found.before(at, our)
    _name(located, truth, found, ours)


def _until(truth: Truth, size: int) -> int:
    """How far the database's row is worth comparing with the true one."""
    if truth.proved > truth.end:
        return truth.end
    return min(size, truth.end + SLACK) if truth.lost else size


def _as_it_is(sources: Sources, truth: Truth, end: int) -> list[Entry]:
    """The database's entries by their bodies; a retired one by its leaf, on both sides."""
    stored, own = sources.database(truth.start, end), sources.bodies(truth.start, end)
    ours = [leaf if body.body == RETIRED else body for leaf, body in zip(stored, own, strict=False)]
    retired = {entry.leaf for entry in ours if entry.body is None}
    for entry in truth.entries:
        if entry.leaf in retired:
            entry.body = None
    return ours


def _restored(found: Difference, true: list[Entry], ours: list[Entry]) -> bool:
    """Both rows end in entries the other does not have, and those are not the same moments told differently."""
    at, our = found.common
    ends = [(left, right) for left, right in found.edited if left >= at]
    together = any(difference.time(true[left]) == difference.time(ours[right]) for left, right in ends)
    return at < len(true) and our < len(ours) and not together


def _earlier_state(truth: Truth, at: int, own: int) -> Finding:
    first, last = truth.start + at, truth.end - 1
    ids = f"ids {difference.identity(truth.entries[at])} to {difference.identity(truth.entries[-1])}"
    message = (
        f"the database was set back to entry {first - 1} and goes on with {own} entries of its own; "
        f"{truth.last} proves {last - first + 1} others in their place ({ids})"
    )
    return Finding("earlier state restored", _detector(truth), message, first, last)


def _truncated(truth: Truth, tail: range) -> Finding:
    message = f"the last {len(tail)} sealed entries are missing from the database, as {truth.last} proves"
    one = difference.identity(truth.entries[-1]) if len(tail) == 1 else None
    span = truth.start + tail[0], truth.start + tail[-1]
    return Finding("tail truncated", _detector(truth), message, *span, one)


def _name(located: Located, truth: Truth, found: Difference, ours: list[Entry]) -> None:
    """A finding for every entry, up to a limit."""
    edited = [at for at, _ in found.edited]
    told: list[tuple[Attack, str, list[int], list[Entry]]] = [
        ("edited and recomputed", "its body and leaf are not what was sealed", edited, truth.entries),
        ("removed", "it was sealed here and is missing from the database", found.removed, truth.entries),
        ("reordered", "it was sealed here and stands elsewhere in the database", found.moved, truth.entries),
        ("inserted", "the database has it here, the sealed history does not", found.inserted, ours),
    ]
    for attack, message, positions, row in told:
        located.findings += _each(truth, attack, message, positions, row)
    if found.renumbered:
        span = truth.start + found.renumbered[0], truth.start + found.renumbered[-1]
        message = f"{len(found.renumbered)} entries carry another id than when they were sealed"
        located.findings.append(Finding("renumbered", _detector(truth), message, *span))
    if found.shifts:
        located.explained.update(range(truth.start, truth.start + len(ours)))
    located.explained.update(truth.start + our for _, our in found.edited)


def _each(truth: Truth, attack: Attack, message: str, positions: list[int], row: list[Entry]) -> Iterable[Finding]:
    for at in positions[:MAX_NAMED]:
        index, one = truth.start + at, difference.identity(row[at])
        yield Finding(attack, _detector(truth), f"{message}, as {truth.last} proves", index, index, one)
    if len(positions) > MAX_NAMED:
        span = truth.start + positions[MAX_NAMED], truth.start + positions[-1]
        more = f"{len(positions) - MAX_NAMED} more like those before"
        yield Finding(attack, _detector(truth), more, *span)


def _leaves(located: Located, sources: Sources, truth: Truth) -> None:
    """The bodies are right, so the stored leaves are what was altered."""
    stored = sources.leaves(truth.start, truth.end)
    for index, (leaf, true) in enumerate(zip(stored, truth.entries, strict=False), truth.start):
        if leaf != true.leaf:
            message = f"the stored leaf is wrong while the body is what was sealed, as {truth.last} proves"
            one = difference.identity(true)
            located.findings.append(Finding("leaf altered", _detector(truth), message, index, index, one))
            located.explained.add(index)


def _detector(truth: Truth) -> Detector:
    if truth.copies_used:
        return "anchored copy"
    return truth.last.detector if truth.last else "anchor"
