"""The ids that were to go, as the region's store keeps them until the certificate is issued."""

from collections import Counter
from collections.abc import Sequence
from hashlib import blake2b
from typing import Any
from uuid import UUID

from psycopg import Connection

from portal.lib.regions import Region

from .database import opened
from .looking import Question

PAGE = 5_000
IS_THERE = "SELECT to_regclass('bw.erasure_item') IS NOT NULL"
WERE_LISTED = """
SELECT one FROM unnest(%s::uuid[]) AS one WHERE EXISTS (SELECT FROM bw.erasure_item WHERE request_id = one)
"""
IDS = "SELECT request_id, id FROM bw.erasure_item WHERE request_id = ANY(%s) AND system = ANY(%s)"
SOME = "SELECT system, id FROM bw.erasure_item WHERE request_id = %s ORDER BY random() LIMIT %s"


class Manifests:
    """A system's ids of some requests. 16 bytes are kept of each, so that a million fit into a worker."""

    def __init__(self, questions: Sequence[Question], system: str) -> None:
        region, self._requests = questions[0].region, [one.request_id for one in questions]
        self._waiting: dict[UUID, set[bytes]] = {}
        self._seen: Counter[UUID] = Counter()
        with opened(region) as db:
            self._listed = were_listed(db, self._requests)
            if self._listed:
                self._read(db, [list(self._listed), codes(system, region)])

    def look(self, record: str) -> None:
        """Count a record that is there, for whom it was to go; a second time the same one does not count."""
        if not self._waiting:
            return
        mark = _mark(record)
        for request, waiting in self._waiting.items():
            if mark in waiting:
                waiting.discard(mark)
                self._seen[request] += 1

    def listed(self, number: int) -> int | None:
        """How many of a question's ids are still there; None where nothing of its request had been listed."""
        request = self._requests[number]
        return self._seen[request] if request in self._listed else None

    def _read(self, db: Connection[Any], asked: list[Any]) -> None:
        with db.cursor(name="manifest") as rows:
            rows.itersize = PAGE
            rows.execute(IDS, asked)
            for request, record in rows:
                self._waiting.setdefault(request, set()).add(_mark(record))


def were_listed(db: Connection[Any], requests: Sequence[UUID]) -> set[UUID]:
    """Of which requests anything has been listed in this store."""
    if db.execute(IS_THERE).fetchone() != (True,):
        return set()
    return {one for (one,) in db.execute(WERE_LISTED, [list(requests)])}


def was_listed(db: Connection[Any], request_id: UUID) -> bool:
    """Whether anything of the request has been listed in this store."""
    return bool(were_listed(db, [request_id]))


def codes(system: str, region: Region) -> list[str]:
    """How a system may be written in its region's store."""
    return [system, f"{system}-{region.name}"]


def _mark(record: str) -> bytes:
    return blake2b(record.encode(errors="surrogatepass"), digest_size=16).digest()


def some(region: Region, request_id: UUID, many: int) -> list[tuple[str, str]]:
    """A few at random of what was to go, each with its system; none where nothing is listed any more."""
    with opened(region) as db:
        if not was_listed(db, request_id):
            return []
        return [(system, record) for system, record in db.execute(SOME, [request_id, many])]
