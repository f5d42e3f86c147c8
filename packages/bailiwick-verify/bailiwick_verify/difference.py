"""What happened to a row of entries: which were edited, removed, inserted, moved, renumbered."""

from collections import Counter
from dataclasses import dataclass, field

from .body import head, without_id
from .truth import Entry


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
    found = Difference()
    moved: set[tuple[bytes, int]] = set()
    left, right = _keys(true), _keys(ours)
    known, present = set(left), set(right)
    at, our = 0, 0
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
        elif left[at] in present:
            found.inserted.append(our)
            our += 1
        elif right[our] in known or identity(true[at]) != identity(ours[our]):
            found.removed.append(at)
            at += 1
        else:
            found.edited.append((at, our))
            at, our = at + 1, our + 1
    found.removed += [later for later in range(at, len(left)) if left[later] not in moved]
    found.moved += [later for later in range(at, len(left)) if left[later] in moved]
    found.inserted += [later for later in range(our, len(right)) if right[later] not in moved]
    return found


def identity(entry: Entry) -> int | None:
    """An entry's id, where its body is known."""
    found = head(entry.body)[1]
    return None if found < 0 else found


def time(entry: Entry) -> bytes:
    """An entry's `at`, empty where its body is not known."""
    return head(entry.body)[0]


def _keys(entries: list[Entry]) -> list[tuple[bytes, int]]:
    """What names each entry: its body less the id, and how often that came before."""
    before: Counter[bytes] = Counter()
    keys = []
    for entry in entries:
        key = without_id(entry.body) if entry.body else entry.leaf
        keys.append((key, before[key]))
        before[key] += 1
    return keys
