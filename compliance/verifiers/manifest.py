"""The ids that were to go, as the region's store keeps them until the certificate is issued."""

from hashlib import blake2b
from typing import Any
from uuid import UUID

from psycopg import Connection

from portal.lib.regions import Region

from .database import opened

PAGE = 5_000
IS_THERE = "SELECT to_regclass('bw.erasure_item') IS NOT NULL"
WAS_LISTED = "SELECT EXISTS (SELECT FROM bw.erasure_item WHERE request_id = %s)"
IDS = "SELECT id FROM bw.erasure_item WHERE request_id = %s AND system = ANY(%s)"
SOME = "SELECT system, id FROM bw.erasure_item WHERE request_id = %s ORDER BY random() LIMIT %s"


class Manifest:
    """A system's ids of one request. 16 bytes are kept of each, so that a million fit into a worker."""

    def __init__(self, region: Region, request_id: UUID, system: str) -> None:
        self._waiting: set[bytes] = set()
        self._seen = 0
        with opened(region) as db:
            self._was_listed = was_listed(db, request_id)
            if self._was_listed:
                self._read(db, [request_id, codes(system, region)])

    def look(self, record: str) -> None:
        """Count a record that is there, if it was to go; a second time the same one does not count."""
        mark = _mark(record)
        if mark in self._waiting:
            self._waiting.discard(mark)
            self._seen += 1

    @property
    def listed(self) -> int | None:
        """How many of them are still there; None where nothing of the request had been listed."""
        return self._seen if self._was_listed else None

    def _read(self, db: Connection[Any], asked: list[Any]) -> None:
        with db.cursor(name="manifest") as rows:
            rows.itersize = PAGE
            rows.execute(IDS, asked)
            self._waiting.update(_mark(record) for (record,) in rows)


def was_listed(db: Connection[Any], request_id: UUID) -> bool:
    """Whether anything of the request has been listed in this store."""
    if db.execute(IS_THERE).fetchone() != (True,):
        return False
    return db.execute(WAS_LISTED, [request_id]).fetchone() == (True,)


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
