"""The one pass over everything: each chunk hashed and compared by a process that knows nothing of the others."""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import accumulate

from bailiwick_proof.merkle import subtrees

from .body import RETIRED, heads
from .export import Batch, Chunk, split


@dataclass(slots=True)
class Span:
    """Entries up to `end`, the next checkpoint's size: their subtrees, earliest and latest `at`."""

    end: int
    subtrees: list[tuple[int, bytes]]
    earliest: bytes = b""
    latest: bytes = b""


@dataclass(slots=True)
class Scan:
    """What one chunk says. Indexes are the ledger's."""

    chunk: Chunk
    spans: list[Span] = field(default_factory=list)
    ids: "array[int]" = field(default_factory=lambda: array("q"))
    bodies: int = 0
    wrong: list[int] = field(default_factory=list)
    unreadable: list[int] = field(default_factory=list)
    unlawful: list[int] = field(default_factory=list)
    copied: int = 0
    differing: list[int] = field(default_factory=list)


def leaf_hashes(bodies: Sequence[bytes]) -> list[bytes]:
    """The leaf hash of each body."""
    return [sha256(b"\x00" + body).digest() for body in bodies]


def scan(chunk: Chunk, cuts: Sequence[int], batches: Sequence[Batch], retired: Sequence[range]) -> Scan:
    """Hash a chunk. `cuts` are the checkpoint sizes inside it, `batches` the copies that overlap it."""
    data = chunk.bodies.read_bytes()
    bodies, stored = split(data), chunk.hashes()
    found = Scan(chunk, bodies=len(bodies))
    gone = _retired(chunk, retired) if RETIRED in bodies else set()
    found.unlawful = [chunk.first + at for at, body in enumerate(bodies) if body == RETIRED and at not in gone]
    found.wrong = _wrong(chunk.first, bodies, stored)
    times, ids = heads(bodies)
    found.ids = array("q", ids)
    if -1 in found.ids:
        unread = (at for at, identity in enumerate(ids) if identity < 0 and bodies[at] != RETIRED)
        found.unreadable = [chunk.first + at for at in unread]
    start = 0
    for end in [*(cut - chunk.first for cut in cuts), chunk.count]:
        known = [at for at in times[start:end] if at]
        edges = (min(known), max(known)) if known else (b"", b"")
        found.spans.append(Span(chunk.first + end, list(subtrees(chunk.first + start, stored[start:end])), *edges))
        start = end
    starts = list(accumulate((len(body) + 1 for body in bodies), initial=0)) if batches else []
    for batch in batches:
        if not _same(found, batch, data, starts):
            _compare(found, batch, bodies, stored)
    return found


def _wrong(first: int, bodies: list[bytes], stored: list[bytes]) -> list[int]:
    """The indexes whose body does not hash to the stored leaf."""
    hashed = leaf_hashes(bodies)
    if hashed == stored:
        return []
    pairs = enumerate(zip(hashed, stored, bodies, strict=False), first)
    return [index for index, (ours, theirs, body) in pairs if ours != theirs and body != RETIRED]


def _same(found: Scan, batch: Batch, data: bytes, starts: list[int]) -> bool:
    """The whole batch lies in this chunk and is byte for byte what the database has: the quick answer."""
    first, end = batch.first - found.chunk.first, batch.end - found.chunk.first
    if first < 0 or end >= len(starts) or data[starts[first] : starts[end]] != batch.path.read_bytes():
        return False
    found.copied += end - first
    return True


def _compare(found: Scan, batch: Batch, bodies: list[bytes], stored: list[bytes]) -> None:
    """Note where an anchored copy differs from the database."""
    first, end = max(batch.first, found.chunk.first), min(batch.end, found.chunk.end)
    copies = batch.lines()[first - batch.first : end - batch.first]
    ours = slice(first - found.chunk.first, end - found.chunk.first)
    found.copied += end - first
    copies += [b""] * (end - first - len(copies))
    for index, (copy, body, leaf) in enumerate(zip(copies, bodies[ours], stored[ours], strict=False), first):
        if copy != body and (body != RETIRED or sha256(b"\x00" + copy).digest() != leaf):
            found.differing.append(index)


def _retired(chunk: Chunk, retired: Sequence[range]) -> set[int]:
    """Positions in the chunk whose bodies were lawfully retired."""
    inside = (range(max(one.start, chunk.first), min(one.stop, chunk.end)) for one in retired)
    return {index - chunk.first for one in inside for index in one}
