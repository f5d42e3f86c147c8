"""Erasing a tenant's rows, with manifest and a full re-query, beside a plain batched delete that returns ids.

One region of its own, with everything on disk. Run as a module it prints its rows as JSON.
"""

import json
import resource
import statistics
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path
from typing import Any

import psycopg
from bailiwick_proof.manifest import Manifest
from psycopg import sql

from bench.rows import Row, timed
from lifecycle.erasure.engine import statements
from lifecycle.erasure.engine.batch import BY_INDEX
from lifecycle.erasure.engine.rows import Rows, VectorRows
from lifecycle.erasure.engine.target import BATCH, Target
from lifecycle.stores.errors import Held
from lifecycle.stores.postgres import catalogue, fences
from portal.embedded.stack import Stack
from portal.lib.regions import Region, load
from tests.erasure.made import Settled, housed

SIZES, CHUNKS, SMALL, MEGABYTE = (100_000, 1_000_000), 9, 50, 1 << 20
# As a copy comes in, past triggers and foreign keys: how rows came is no part of any measurement.
FILL = (
    "SET session_replication_role = replica",
    "INSERT INTO rag.documents (tenant_id, id, title)"
    " SELECT %(t)s, gen_random_uuid(), 'd' || n FROM generate_series(1, %(documents)s) n",
    "INSERT INTO rag.chunks SELECT tenant_id, id, n, md5(n::text) || md5(id::text)"
    " FROM rag.documents, generate_series(1, %(chunks)s) n WHERE tenant_id = %(t)s",
)
# Each with two documents of three chunks, a session and three questions.
PEOPLE = (
    "SET session_replication_role = replica",
    "INSERT INTO rag.users (tenant_id, id, email) SELECT %(t)s, gen_random_uuid(), 'u' || n"
    " FROM generate_series(1, %(people)s) n",
    "INSERT INTO rag.documents (tenant_id, id, title, owner_user_id)"
    " SELECT tenant_id, gen_random_uuid(), 'd' || n, id FROM rag.users, generate_series(1, 2) n"
    " WHERE tenant_id = %(t)s",
    "INSERT INTO rag.chunks SELECT tenant_id, id, n, 'text' FROM rag.documents, generate_series(1, 3) n"
    " WHERE tenant_id = %(t)s",
    "INSERT INTO rag.chunk_vectors SELECT tenant_id, document_id, ordinal, array_fill(0.1::real, '{256}')::vector"
    " FROM rag.chunks WHERE tenant_id = %(t)s",
    "INSERT INTO rag.sessions (tenant_id, id, user_id, token_sha256, expires_at)"
    " SELECT tenant_id, gen_random_uuid(), id, id::text, now() FROM rag.users WHERE tenant_id = %(t)s",
    "INSERT INTO rag.query_history (tenant_id, id, user_id, q, k)"
    " SELECT tenant_id, gen_random_uuid(), id, 'what', n FROM rag.users, generate_series(1, 3) n"
    " WHERE tenant_id = %(t)s",
)
OWNERS = """
SELECT owner_user_id, array_agg(id) FROM rag.documents WHERE tenant_id = %s GROUP BY 1
"""
GONE = (
    "DELETE FROM rag.chunk_vectors WHERE document_id = ANY (%(documents)s)",
    "DELETE FROM rag.chunks WHERE document_id = ANY (%(documents)s)",
    "DELETE FROM rag.documents WHERE id = ANY (%(documents)s)",
    "DELETE FROM rag.sessions WHERE user_id = %(person)s",
    "DELETE FROM rag.query_history WHERE user_id = %(person)s",
    "DELETE FROM rag.users WHERE id = %(person)s",
)
KEYS = {"chunks": ("tenant_id", "document_id", "ordinal"), "documents": ("tenant_id", "id")}
FLOOR = "DELETE FROM rag.{t} WHERE ({k}) IN (SELECT {k} FROM rag.{t} LIMIT {n}) RETURNING {k}"


def measure(*sizes: int) -> list[Row]:
    """The bars of erasure.md, as multiples of their floors: on a quiet machine about 3 s and 8 s, 12 s and 45 s."""
    with (
        tempfile.TemporaryDirectory(prefix="bailiwick-erasing-") as folder,
        Stack(Path(folder) / "home", only=("stores",), durable=True) as stack,
    ):
        region = next(iter(load(stack.home.regions_file).values()))
        found = [_erased(region, stack, rows) for rows in sizes or SIZES]
        used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / MEGABYTE
        return [
            *found,
            Row("memory of the eraser", used, 300.0, "its limit", bar=300.0, unit="MB"),
            _stopped(region, stack, min(sizes or SIZES)),
            _people(region, stack),
        ]


def _erased(region: Region, stack: Stack, rows: int) -> Row:
    plain, whole = (_settled(region, stack, rows) for _ in range(2))
    floor = timed(lambda: _plainly(plain))
    measured = timed(lambda: _erase(whole))
    name = f"{rows:,} rows erased incl. manifest and full re-query"
    return Row(name, measured, floor, "batched delete returning ids", most_ratio=2.7 if rows < 10**6 else 3.75)


def _stopped(region: Region, stack: Stack, number: int) -> Row:
    """A hold in the middle of it: from the moment it is placed until the eraser has given up."""
    made, batches, middle = _settled(region, stack, number), [time.perf_counter()], threading.Event()
    target, rows = made.target(), Rows(region)

    def alive(done: int) -> None:
        batches.append(time.perf_counter())
        if done >= number // 2:
            middle.set()

    rows.list_into_items(target)
    with ThreadPoolExecutor(1) as pool:
        ended = pool.submit(rows.erase, target, alive)
        middle.wait()
        began = time.perf_counter()
        fences.set_hold(region, made.id, True, 1)
        error = ended.exception()
        measured = time.perf_counter() - began
    if not isinstance(error, Held):
        raise SystemExit("the bench's hold came too late")
    batch = statistics.median(after - before for before, after in pairwise(batches))
    return Row("hold placed until the last destructive statement", measured, batch, "one batch", bar=1.0)


def _people(region: Region, stack: Stack) -> Row:
    """Small erasures one after another, beside whatever the store holds already: rows, vectors and both manifests."""
    plain, whole = (filled_with_people(region, stack, SMALL) for _ in range(2))
    floor = timed(lambda: people_plainly(plain))
    measured = timed(lambda: _each_person(whole))
    name = f"1,000 people's rows and vectors erased, by {SMALL} of them"
    share = 1000 / SMALL
    # ten minutes where the bare statements take twenty seconds
    return Row(name, measured * share, floor * share, "bare statements, a transaction each", most_ratio=30.0)


def _each_person(made: Settled) -> None:
    gone, erasers = {}, (VectorRows(made.region), Rows(made.region))
    for epoch, (person, documents) in enumerate(_owners(made), 1):
        target = made.target("person", epoch, user_id=person, documents=tuple(documents))
        gone[target.request_id] = made.names
        for eraser in erasers:
            _erase_system(eraser, target)
    for eraser in erasers:  # as the look does for all that it is for
        eraser.clear(gone)
    if made.counts().keys() - {"usage_counters"}:
        raise SystemExit("the bench's small erasures do not hold")


def people_plainly(made: Settled) -> None:
    with psycopg.connect(**made.region.database.connect_kwargs("platform"), autocommit=True) as db:
        _become(db, made)
        for person, documents in _owners(made):
            with db.transaction():
                for statement in GONE:
                    db.execute(statement, {"person": person, "documents": documents})


def _owners(made: Settled) -> list[Any]:
    with psycopg.connect(**made.region.database.connect_kwargs("verifier")) as db:
        return db.execute(OWNERS, (made.id,)).fetchall()


def _settled(region: Region, stack: Stack, rows: int) -> Settled:
    """A tenant with as many documents and chunks, and nothing else."""
    return _filled(region, stack, FILL, documents=rows // (CHUNKS + 1), chunks=CHUNKS)


def filled_with_people(region: Region, stack: Stack, people: int) -> Settled:
    """A tenant with so many people."""
    return _filled(region, stack, PEOPLE, people=people)


def _filled(region: Region, stack: Stack, rows: tuple[str, ...], **numbers: int) -> Settled:
    made = housed(region)
    with psycopg.connect(**stack.superuser_kwargs(region.name), autocommit=True) as db:
        for statement in rows:
            db.execute(statement, {"t": made.id, **numbers})
        db.execute("VACUUM ANALYZE")
    return made


def _become(db: psycopg.Connection[Any], made: Settled) -> None:
    db.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(made.names.role)))
    db.execute("SET bw.epoch = 1")


def _plainly(made: Settled) -> None:
    """The floor: everything deleted as the tenant, children first, each batch's keys fetched."""
    with psycopg.connect(**made.region.database.connect_kwargs("platform"), autocommit=True) as db:
        _become(db, made)
        for table, key in KEYS.items():
            columns = sql.SQL(", ").join(map(sql.Identifier, key))
            parts = {"t": sql.Identifier(table), "k": columns, "n": sql.Literal(BATCH)}
            while len(db.execute(sql.SQL(FLOOR).format(**parts)).fetchall()) == BATCH:
                pass


def _erase(made: Settled) -> None:
    """What a job does in one system: list, commit to the ids, delete, and look for each id again."""
    rows, target = Rows(made.region), made.target()
    _erase_system(rows, target)
    rows.clear({target.request_id: made.names})
    if made.counts():
        raise SystemExit("the bench's erasure does not hold")


def _erase_system(eraser: Rows, target: Target) -> None:
    manifest = Manifest(b"k" * 32, eraser.system)
    for id_ in eraser.ids(target):
        manifest.add(id_)
    gone = eraser.erase(target, lambda number: None)
    eraser.settle(target)
    if gone != manifest.leaves or _left(eraser, target):
        raise SystemExit("the bench's erasure does not hold")


def _left(eraser: Rows, target: Target) -> int:
    """Ask for every listed id, as the verifier."""
    found = 0
    with psycopg.connect(**eraser.region.database.connect_kwargs("verifier")) as db:
        asked = {"request": target.request_id, "system": eraser.system, "tenant": target.tenant_id}
        spans = """
            SELECT table_name, min(seq) - 1, max(seq) FROM bw.erasure_item
            WHERE request_id = %s AND system = %s GROUP BY 1
        """
        tables = {table.name: table for table in catalogue.children_first(db)}
        db.execute(BY_INDEX)
        for name, after, upto in db.execute(spans, (target.request_id, eraser.system)).fetchall():
            row = db.execute(statements.left(tables[name]), asked | {"after": after, "upto": upto}).fetchone()
            found += (row or (0,))[0]
    return found


if __name__ == "__main__":
    sys.stdout.write(json.dumps([asdict(row) for row in measure(*map(int, sys.argv[1:]))]))
