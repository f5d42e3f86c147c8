"""The two kinds of place for vectors, read and written alike: rows of rag.chunk_vectors, and a namespace in Pinecone.

Rows are written in the caller's transaction. A namespace has none, so a write to it is over when the index shows it.
"""

import struct
import time
from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar
from uuid import UUID

from psycopg import Connection

from lifecycle.stores.errors import Permanent, Transient
from lifecycle.stores.vectors import pinecone
from portal.lib.regions import Pinecone as Account
from portal.lib.regions import Region

from .move import Held, NotInTime

SYSTEM = "vectors"
IDS = 100  # ids of one call: they travel in its address
MOST, NUMBERS = 1_000, 64_000  # vectors, and their numbers, of one call: it is limited to 2 MB
SETTLE_SECONDS, FIRST_PAUSE, LONGEST_PAUSE = 20.0, 0.005, 0.5
READ = """
SELECT replace(document_id::text, '-', '') || '#' || ordinal, public.vector_send(embedding) FROM rag.chunk_vectors
WHERE tenant_id = %s AND (document_id, ordinal) IN (SELECT * FROM unnest(%s::uuid[], %s::int[]))
"""
REMOVE = """
DELETE FROM rag.chunk_vectors
WHERE tenant_id = %s AND (document_id, ordinal) IN (SELECT * FROM unnest(%s::uuid[], %s::int[]))
"""
WRITE = "COPY rag.chunk_vectors (tenant_id, document_id, ordinal, embedding) FROM STDIN"
T = TypeVar("T")


@dataclass(frozen=True)
class Vector:
    """What a place holds under an id, in single precision."""

    id: str
    values: "array[float]"
    metadata: dict[str, Any] = field(default_factory=dict)


class Place(Protocol):
    """A side's vectors of one tenant."""

    def read(self, ids: Sequence[str]) -> dict[str, Vector]:
        """Those of the ids that are there."""

    def write(self, vectors: Sequence[Vector], gone: Sequence[str]) -> None:
        """Put the vectors there, in place of older ones, and remove the others; returns once that is so."""

    def empty(self) -> None:
        """Remove every vector."""


def place_of(region: Region, held: Held, tenant_id: UUID, db: Connection[Any], calls: "Calls") -> Place:
    """Where this side's vectors are; `db` is a transaction of the mover there."""
    if held.as_rows:
        return Rows(db, tenant_id)
    if held.provider == "pinecone" and region.pinecone:
        index = pinecone.opened(region.pinecone, held.index, retries=calls.retries)
        return Namespace(calls, index, region.pinecone, held.namespace)
    raise Permanent(SYSTEM, "choose", f"vectors cannot be moved between {region.name} and its {held.provider}")


def place_in(vector_id: str) -> tuple[str, int]:
    """The document and ordinal of an id of ours: `<document hex>#<ordinal>`."""
    document, _, ordinal = vector_id.partition("#")
    try:
        return str(UUID(hex=document)), int(ordinal)
    except ValueError:
        raise Permanent(SYSTEM, "move vectors", f"{vector_id[:64]!r} names no passage: rows cannot hold it") from None


@dataclass(frozen=True)
class Calls:
    """What every call to a namespace keeps to: `ours` raises once another job holds the move, `until` ends them."""

    ours: Callable[[], None]
    until: float | None = None

    @property
    def retries(self) -> int:
        return 3 if self.until is None else 0

    def left(self) -> float:
        """Seconds for the next call; raises NotInTime when there are none."""
        left = pinecone.TIMEOUT if self.until is None else self.until - time.monotonic()
        if left <= 0:
            raise NotInTime(SYSTEM, "settle", "the pause was over before the index showed the last vectors")
        return left


class Rows:
    """Vectors as rows, without metadata."""

    def __init__(self, db: Connection[Any], tenant_id: UUID) -> None:
        self._db, self._tenant_id = db, tenant_id

    def read(self, ids: Sequence[str]) -> dict[str, Vector]:
        found = self._db.execute(READ, self._named(ids)).fetchall()
        # a vector without a direction is of no use to a search, and an index refuses it
        return {name: vector for name, sent in found if any((vector := Vector(name, _received(sent))).values)}

    def write(self, vectors: Sequence[Vector], gone: Sequence[str]) -> None:
        self._db.execute(REMOVE, self._named([*(vector.id for vector in vectors), *gone]))
        with self._db.cursor() as cursor, cursor.copy(WRITE) as going:
            for vector in vectors:
                if vector.metadata:
                    raise Permanent(SYSTEM, "move vectors", f"{vector.id} has metadata: rows have no place for it")
                going.write_row((self._tenant_id, *place_in(vector.id), str(vector.values.tolist())))

    def empty(self) -> None:
        self._db.execute("DELETE FROM rag.chunk_vectors WHERE tenant_id = %s", (self._tenant_id,))

    def _named(self, ids: Sequence[str]) -> tuple[UUID, list[str], list[int]]:
        places = [place_in(one) for one in ids]
        return self._tenant_id, [document for document, _ in places], [ordinal for _, ordinal in places]


class Namespace:
    """Vectors in a namespace of an index, through Pinecone's own SDK."""

    def __init__(self, calls: Calls, index: Any, account: Account, name: str) -> None:
        self._calls, self._index, self._account, self._name = calls, index, account, name

    def read(self, ids: Sequence[str]) -> dict[str, Vector]:
        found: dict[str, Vector] = {}
        for some in portions(ids, IDS):
            answer = self._call("read vectors", self._index.fetch, ids=some)
            found.update((name, _taken(vector)) for name, vector in answer.vectors.items())
        return found

    def write(self, vectors: Sequence[Vector], gone: Sequence[str]) -> None:
        position = 0
        for some in portions(vectors, _at_once(vectors)):
            answer = self._call("write vectors", self._index.upsert, vectors=[_given(one) for one in some], **QUIET)
            position = max(position, getattr(answer.response_info, "lsn_committed", None) or 0)
        for ids in portions(gone, IDS):
            self._call("delete vectors", self._index.delete, ids=ids)
        self._settle({vector.id: vector for vector in vectors}, gone, position)

    def empty(self) -> None:
        self._call("delete vectors", self._index.delete, delete_all=True)
        self._wait(lambda: not self._call("list vectors", self._index.list_paginated, limit=1).vectors)

    def _settle(self, written: dict[str, Vector], gone: Sequence[str], position: int) -> None:
        """Return once a search is answered from the position of the last write, and what is read is what was written.

        A write that was answered with success is not one that is seen.
        """
        if written:
            probe = next(iter(written.values())).values.tolist()
            self._wait(lambda: self._position(probe) >= position)
        if written or gone:
            self._wait(lambda: self.read([*written, *gone]) == written)

    def _position(self, probe: list[float]) -> int:
        answer = self._call("settle", self._index.query, vector=probe, top_k=1)
        return getattr(answer.response_info, "lsn_reconciled", None) or 0

    def _wait(self, shown: Callable[[], bool]) -> None:
        deadline, pause = time.monotonic() + SETTLE_SECONDS, FIRST_PAUSE
        while not shown():
            if time.monotonic() > deadline:
                raise NotInTime(SYSTEM, "settle", f"after {SETTLE_SECONDS:.0f} s the index does not show the vectors")
            time.sleep(min(pause, self._calls.left()))
            pause = min(2 * pause, LONGEST_PAUSE)

    def _call(self, operation: str, call: Callable[..., T], **arguments: Any) -> T:
        self._calls.ours()
        left = self._calls.left()
        try:
            with pinecone.called(self._account, operation, patience=left):
                return call(namespace=self._name, timeout=left, **arguments)
        except Transient:
            self._calls.left()
            raise


QUIET = {"show_progress": False}


def portions(found: Sequence[T], size: int) -> Iterator[list[T]]:
    """The same in order, so many at a time."""
    return (list(found[start : start + size]) for start in range(0, len(found), size))


def _at_once(vectors: Sequence[Vector]) -> int:
    """How many of these go into one call."""
    longest = max((len(one.values) for one in vectors), default=1)
    return max(1, min(MOST, NUMBERS // max(1, longest)))


def _taken(found: Any) -> Vector:
    if found.sparse_values is not None:
        raise Permanent(SYSTEM, "move vectors", f"{found.id} has sparse values, which are not moved")
    return Vector(found.id, array("f", found.values), dict(found.metadata or {}))


def _given(vector: Vector) -> dict[str, Any]:
    given: dict[str, Any] = {"id": vector.id, "values": vector.values.tolist()}
    return {**given, "metadata": vector.metadata} if vector.metadata else given


def _received(sent: bytes) -> "array[float]":
    """What vector_send gives: two short integers, then the numbers, the most significant byte first."""
    return array("f", struct.unpack_from(f">{(len(sent) - 4) // 4}f", sent, 4))
