"""What happened to a row of entries: which were edited, removed, inserted, moved, renumbered."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import takewhile

from .body import head, without_id
from .truth import Entry

Key = tuple[bytes, int]


@dataclass(slots=True)
class Difference:
    """Positions in the true row (edited, removed, moved, renumbered) and in the database's (inserted).

    `common` is the position in each row after the last entry that both have.
    """

    edited: list[tuple[int, int]] = field(default_factory=list)
    removed: list[int] = field(default_factory=list)
    inserted: list[int] = field(default_factory=list)
    moved: list[int] = field(default_factory=list)
    renumbered: list[int] = field(default_factory=list)
    common: tuple[int, int] = (0, 0)

    def __bool__(self) -> bool:
        return bool(self.edited) or self.shifts

    @property
    def shifts(self) -> bool:
        """Entries stand at other indexes than they were sealed at, or under other ids."""
        return bool(self.removed or self.inserted or self.moved or self.renumbered)

    def before(self, at: int, our: int) -> "Difference":
        """The difference up to a position in the true row and one in the database's."""
        edited = [pair for pair in self.edited if pair[0] < at]
        removed = [one for one in self.removed if one < at]
        inserted = [one for one in self.inserted if one < our]
        return Difference(edited, removed, inserted, self.moved, self.renumbered, self.common)


def compare(true: list[Entry], ours: list[Entry]) -> Difference:
    """Align two rows of entries in one walk. An entry keeps its identity when only its id changed."""
    head = _alike(zip(true, ours, strict=False))
    tail = _alike(zip(reversed(true[head:]), reversed(ours[head:]), strict=False))
    found = Difference(common=(head, head))
    _walk(found, true[: len(true) - tail], ours[: len(ours) - tail], head)
    if tail:
        found.common = (len(true), len(ours))
    return found


def _alike(pairs: Iterable[tuple[Entry, Entry]]) -> int:
    """How many pairs are of one leaf before the first that is not."""
    return sum(1 for _ in takewhile(lambda pair: pair[0].leaf == pair[1].leaf, pairs))


def _walk(found: Difference, true: list[Entry], ours: list[Entry], start: int) -> None:
    left, right = _keys(true, start), _keys(ours, start)
    known, present = set(left[start:]), set(right[start:])
    foreign = {identity(entry) for entry, key in zip(ours[start:], right[start:], strict=True) if key not in known}
    moved: set[Key] = set()
    at = our = start
    while at < len(left) and our < len(right):
        if left[at] == right[our]:
            if true[at].leaf != ours[our].leaf:
                found.renumbered.append(at)
            at, our = at + 1, our + 1
            found.common = (at, our)
        elif left[at] in moved:
            found.moved.append(at)
            at += 1
        elif right[our] in moved:
            our += 1
        elif left[at] in present and right[our] in known:  # they may have changed places
            moved |= {left[at], right[our]}
        elif right[our] not in known and identity(true[at]) == identity(ours[our]):
            found.edited.append((at, our))
            at, our = at + 1, our + 1
        elif left[at] in present or (right[our] not in known and identity(true[at]) in foreign):
            found.inserted.append(our)
            our += 1
        else:
            found.removed.append(at)
            at += 1
    found.removed += [later for later in range(at, len(left)) if left[later] not in moved]
    found.moved += [later for later in range(at, len(left)) if left[later] in moved]
    found.inserted += [later for later in range(our, len(right)) if right[later] not in moved]


def identity(entry: Entry) -> int | None:
    """An entry's id, where its body is known."""
    found = head(entry.body)[1]
    return None if found < 0 else found


def time(entry: Entry) -> bytes:
    """An entry's `at`, empty where its body is not known."""
    return head(entry.body)[0]


def _keys(entries: list[Entry], start: int) -> list[Key]:
    """What names each entry from `start` on: its body less the id, and how often that came before."""
    before: Counter[bytes] = Counter()
    keys: list[Key] = [(b"", 0)] * start
    for entry in entries[start:]:
        key = without_id(entry.body) if entry.body else entry.leaf
        keys.append((key, before[key]))
        before[key] += 1
    return keys
