"""What the ledger was where the database no longer says so: rebuilt from anchored copies, proved by checkpoints."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice

from bailiwick_proof.merkle import Frontier

from .evidence import Claim
from .export import Batch, Chunk, Export
from .scan import leaf_hashes

MAX_READINGS = 32
MAX_FORKS = 40


@dataclass(slots=True)
class Entry:
    """An entry: its leaf hash, and its body where it is known."""

    leaf: bytes
    body: bytes | None


@dataclass(slots=True)
class Truth:
    """Proved entries from index `start` on, the last checkpoint that proves them, and the one where proof was lost.

    `entries` end where the database was last wrong; from there up to `proved` it has the truth at the same indexes.
    """

    start: int
    proved: int
    entries: list[Entry] = field(default_factory=list)
    last: Claim | None = None
    lost: Claim | None = None
    copies_used: bool = False

    @property
    def end(self) -> int:
        """The index after the last of the entries."""
        return self.start + len(self.entries)


class Sources:
    """Entries by index, as the database has them and as the copies have them."""

    def __init__(self, export: Export) -> None:
        self.export = export
        self._bodies = lru_cache(maxsize=2)(Chunk.lines)
        self._hashes = lru_cache(maxsize=2)(Chunk.hashes)
        self._copies = lru_cache(maxsize=8)(Batch.lines)

    def leaves(self, first: int, end: int) -> list[bytes]:
        """The stored leaves from `first` up to `end`, or to where the database ends."""
        return self._row(self._hashes, first, end)

    def lines(self, first: int, end: int) -> list[bytes]:
        """The stored bodies of the same entries."""
        return self._row(self._bodies, first, end)

    def _row(self, read: Callable[[Chunk], list[bytes]], first: int, end: int) -> list[bytes]:
        row: list[bytes] = []
        for chunk in self.export.within(first, end):
            row += read(chunk)[max(first - chunk.first, 0) : end - chunk.first]
        return row

    def database(self, first: int, end: int) -> list[Entry]:
        """What was sealed, going by the stored leaves: a body that does not fit its leaf is not known."""
        bodies = self.lines(first, end)
        fits = zip(self.leaves(first, end), bodies, leaf_hashes(bodies), strict=False)
        return [Entry(leaf, body if leaf == own else None) for leaf, body, own in fits]

    def bodies(self, first: int, end: int) -> list[Entry]:
        """What was sealed, going by the stored bodies."""
        return _entries(self.lines(first, end))

    def copies(self, first: int, end: int) -> Iterator[list[Entry]]:
        """Each way in which the anchored batches cover `first` up to `end`; the database fills the gaps."""
        near = [batch for batch in self.export.batches if batch.first < end and first < batch.end]
        return self._cover(first, end, near, MAX_FORKS) if near else iter(())

    def _cover(self, first: int, end: int, near: list[Batch], forks: int) -> Iterator[list[Entry]]:
        head: list[Entry] = []
        while first < end:
            here = [batch for batch in near if batch.first <= first < batch.end]
            if len(here) > 1 and forks:
                for batch in here:
                    part = self._copied(batch, first, end)
                    for rest in self._cover(first + len(part), end, near, forks - 1) if part else ():
                        yield head + part + rest
                return
            until = min((batch.first for batch in near if batch.first > first), default=end)
            part = self._copied(here[0], first, end) if here else self.database(first, until)
            if not part:
                return
            head += part
            first += len(part)
        yield head

    def _copied(self, batch: Batch, first: int, end: int) -> list[Entry]:
        return _entries(self._copies(batch)[first - batch.first : end - batch.first])

    def readings(self, first: int, end: int) -> Iterator[tuple[list[Entry], bool]]:
        """Every candidate for `first` up to `end` but the stored leaves, and whether copies were needed."""
        yield self.bodies(first, end), False
        yield from ((entries, True) for entries in islice(self.copies(first, end), MAX_READINGS))


def follow(sources: Sources, frontier: Frontier, claims: list[Claim]) -> Truth:
    """Prove as many of the claims as can be proved, in order, from a tree that is known to be right."""
    truth = Truth(frontier.size, frontier.size)
    for claim in claims:
        grown = frontier.copy().extend(sources.leaves(frontier.size, claim.size))
        if not _proves(grown, claim):
            for entries, copied in sources.readings(frontier.size, claim.size):
                grown = frontier.copy().extend(entry.leaf for entry in entries)
                if _proves(grown, claim):
                    truth.entries += sources.database(truth.end, frontier.size)
                    truth.entries += entries
                    truth.copies_used |= copied
                    break
            else:
                truth.lost = claim
                return truth
        frontier, truth.last, truth.proved = grown, claim, claim.size
    return truth


def _proves(frontier: Frontier, claim: Claim) -> bool:
    return frontier.size == claim.size and frontier.root() == claim.root


def _entries(bodies: list[bytes]) -> list[Entry]:
    return [Entry(leaf, body) for leaf, body in zip(leaf_hashes(bodies), bodies, strict=True)]
