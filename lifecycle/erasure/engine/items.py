"""The ids of what is to go, and how far each system is: in the region's store, from before the first deletion until
the certificate is issued.

A list is written once. When it is whole it stays as it is, because a manifest commits to it. It may be opened again
(`reopen`) for what has come since: no id leaves it, and it has another root.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any
from uuid import UUID

from psycopg import Connection

from lifecycle.erasure.engine.target import BATCH, Target
from lifecycle.stores.errors import Permanent
from lifecycle.stores.postgres.connection import SYSTEM, at_length, connection, translated
from lifecycle.stores.postgres.fences import require_job_epoch
from portal.lib.regions import Region

BEGIN = """
INSERT INTO bw.erasure_progress (request_id, system, tenant_id) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING
"""
READ = """
SELECT tenant_id, listed, passed, done, finished_at IS NOT NULL FROM bw.erasure_progress
WHERE request_id = %s AND system = %s
"""
GONE = """
SELECT system, sum(done) FROM bw.erasure_progress WHERE tenant_id = %s
GROUP BY system HAVING sum(done) > 0 ORDER BY system
"""
EMPTY = "DELETE FROM bw.erasure_item WHERE request_id = %s AND system = %s AND seq > %s"
KNOWN = "SELECT id FROM bw.erasure_item WHERE request_id = %s AND system = %s AND id = ANY (%s)"
REOPEN = """
UPDATE bw.erasure_progress SET passed = CASE WHEN %s THEN passed ELSE listed END, listed = NULL, finished_at = NULL
WHERE request_id = %s AND system = %s AND listed IS NOT NULL
"""
COPY = "COPY bw.erasure_item (request_id, system, seq, id) FROM STDIN"
WHOLE = "UPDATE bw.erasure_progress SET listed = %s WHERE request_id = %s AND system = %s"
PAGE = """
SELECT seq, id FROM bw.erasure_item WHERE request_id = %s AND system = %s AND seq > %s ORDER BY seq LIMIT %s
"""
TOUCHED = """
SELECT DISTINCT request_id, table_name FROM bw.erasure_item
WHERE request_id = ANY (%s) AND system = %s AND table_name IS NOT NULL
"""
FINISH = "UPDATE bw.erasure_progress SET finished_at = now() WHERE request_id = %s AND system = %s"
FORGET = (
    "DELETE FROM bw.erasure_item WHERE request_id = %s",
    "DELETE FROM bw.erasure_progress WHERE request_id = %s",
    "DELETE FROM bw.job_epoch WHERE resource_class = 'erasure:' || %s",
)


@dataclass(frozen=True)
class Progress:
    """How far an erasure is. `listed` is None until the list is whole; `done` of the `passed` ids are gone."""

    tenant_id: UUID
    listed: int | None
    passed: int
    done: int
    is_finished: bool


def begin(region: Region, target: Target, system: str) -> Progress:
    """Leave the erasure begun in this system; Permanent where the request has been another tenant's."""
    with translated("begin an erasure"), connection(region) as db, db.transaction():
        require_job_epoch(db, target.tenant_id, target.resource, target.epoch)
        db.execute(BEGIN, (target.request_id, system, target.tenant_id))
        found = _read(db, target.request_id, system)
    if found is None or found.tenant_id != target.tenant_id:
        raise Permanent(SYSTEM, "begin an erasure", f"request {target.request_id} is another tenant's")
    return found


def read(region: Region, request_id: UUID, system: str) -> Progress | None:
    """Return how far the erasure is in this system, or None where it has not begun."""
    with translated("read bw.erasure_progress"), connection(region) as db:
        return _read(db, request_id, system)


def gone(region: Region, tenant_id: UUID) -> dict[str, int]:
    """Return by system how many rows erasures of the tenant that are not concluded have removed here."""
    with translated("read bw.erasure_progress"), connection(region) as db:
        return {str(system): int(number) for system, number in db.execute(GONE, (tenant_id,)).fetchall()}


def put(region: Region, target: Target, system: str, ids: Iterable[str]) -> int:
    """Keep the ids in their order, in place of what a killed attempt left; return how many the list has.

    A list that is whole already is left as it is, and `ids` is not read. One that is open again goes on.
    """
    known = begin(region, target, system)
    if known.listed is not None:
        return known.listed
    number, key = known.passed, (target.request_id, system)
    stream = iter(ids) if not number else _unknown(region, key, ids)
    with translated("write bw.erasure_item"), connection(region) as db:
        with db.transaction(), at_length(db):
            require_job_epoch(db, target.tenant_id, target.resource, target.epoch)
            db.execute(EMPTY, (*key, number))
        while page := list(islice(stream, BATCH)):
            with db.transaction(), db.cursor() as cursor:
                require_job_epoch(db, target.tenant_id, target.resource, target.epoch)
                with cursor.copy(COPY) as copy:
                    for number, id_ in enumerate(page, number + 1):  # noqa: B020 - it goes on from the last page
                        copy.write_row((*key, number, id_))
        with db.transaction():
            require_job_epoch(db, target.tenant_id, target.resource, target.epoch)
            db.execute(WHOLE, (number, *key))
    return number


def reopen(region: Region, target: Target, system: str, *, in_order: bool) -> None:
    """Let the list take what has come since. `in_order`: what is not dealt with yet may change places with it."""
    with translated("reopen bw.erasure_progress"), connection(region) as db, db.transaction():
        require_job_epoch(db, target.tenant_id, target.resource, target.epoch)
        db.execute(REOPEN, (in_order, target.request_id, system))


def finish(region: Region, target: Target, system: str) -> None:
    """Say that everything on the list has been removed."""
    with translated("finish bw.erasure_progress"), connection(region) as db, db.transaction():
        require_job_epoch(db, target.tenant_id, target.resource, target.epoch)
        db.execute(FINISH, (target.request_id, system))


def _unknown(region: Region, key: tuple[UUID, str], ids: Iterable[str]) -> Iterator[str]:
    """Those that are not on the list yet."""
    stream = iter(ids)
    while page := list(islice(stream, BATCH)):
        with translated("read bw.erasure_item"), connection(region) as db:
            listed = {row[0] for row in db.execute(KNOWN, (*key, page)).fetchall()}
        yield from (one for one in page if one not in listed)


def each(region: Region, request_id: UUID, system: str) -> Iterator[str]:
    """Every id in order, page by page: no transaction stays open while the caller works on one."""
    after = 0
    while True:
        with translated("read bw.erasure_item"), connection(region) as db:
            page = db.execute(PAGE, (request_id, system, after, BATCH)).fetchall()
        if not page:
            return
        after = page[-1][0]
        yield from (row[1] for row in page)


def count(region: Region, request_id: UUID, system: str) -> int | None:
    """Return how many ids the list has; None while there is none, or it is not whole."""
    found = read(region, request_id, system)
    return None if found is None else found.listed


def touched(region: Region, requests: Iterable[UUID], system: str) -> list[tuple[UUID, str]]:
    """Return the tables in which something is listed of each of the requests."""
    with translated("read bw.erasure_item"), connection(region) as db, db.transaction(), at_length(db):
        return [(request, str(table)) for request, table in db.execute(TOUCHED, (list(requests), system)).fetchall()]


def forget(region: Region, request_id: UUID) -> None:
    """Drop the lists and the progress of the request. From here on nobody erases by it, unless it is begun anew."""
    with translated("forget an erasure"), connection(region) as db, db.transaction(), at_length(db):
        for statement in FORGET:
            db.execute(statement, (str(request_id),))


def _read(db: Connection[Any], request_id: UUID, system: str) -> Progress | None:
    row = db.execute(READ, (request_id, system)).fetchone()
    return None if row is None else Progress(*row)
