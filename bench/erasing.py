"""Erasing a tenant's rows, with manifest and a full re-query, beside a plain batched delete that returns ids.

One region of its own, with everything on disk. Run as a module it prints its rows as JSON.
"""

import json
import resource
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import psycopg
from bailiwick_proof.manifest import Manifest
from psycopg import sql

from bench.rows import Row, timed
from lifecycle.erasure.engine import statements
from lifecycle.erasure.engine.rows import Rows
from lifecycle.erasure.engine.target import BATCH, Target
from lifecycle.stores.postgres import catalogue
from portal.embedded.stack import Stack
from portal.lib.regions import Region, load
from tests.erasure.made import Settled, housed

ROWS, CHUNKS, MEGABYTE = 100_000, 9, 1 << 20
FILL = (
    "INSERT INTO rag.documents (tenant_id, id, title)"
    " SELECT %(t)s, gen_random_uuid(), 'd' || n FROM generate_series(1, %(documents)s) n",
    "INSERT INTO rag.chunks SELECT tenant_id, id, n, md5(n::text) || md5(id::text)"
    " FROM rag.documents, generate_series(1, %(chunks)s) n",
)
KEYS = {"chunks": ("tenant_id", "document_id", "ordinal"), "documents": ("tenant_id", "id")}
FLOOR = "DELETE FROM rag.{t} WHERE ({k}) IN (SELECT {k} FROM rag.{t} LIMIT {n}) RETURNING {k}"


def measure(rows: int = ROWS) -> list[Row]:
    """The bar of erasure.md, as a multiple of its floor: about 3 s and 8 s on a quiet machine."""
    with (
        tempfile.TemporaryDirectory(prefix="bailiwick-erasing-") as folder,
        Stack(Path(folder) / "home", only=("stores",), durable=True) as stack,
    ):
        region = next(iter(load(stack.home.regions_file).values()))
        plain, whole = (_settled(region, stack, rows) for _ in range(2))
        floor = timed(lambda: _plainly(plain))
        measured = timed(lambda: _erase(whole))
        used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / MEGABYTE
    name = f"{rows:,} rows erased incl. manifest and full re-query"
    return [
        Row(name, measured, floor, "batched delete returning ids", most_ratio=2.7),
        Row("memory of the eraser", used, 300.0, "its limit", bar=300.0, unit="MB"),
    ]


def _settled(region: Region, stack: Stack, rows: int) -> Settled:
    """A tenant with as many documents and chunks, and nothing else."""
    made, documents = housed(region), rows // (CHUNKS + 1)
    with psycopg.connect(**stack.superuser_kwargs(region.name), autocommit=True) as db:
        _become(db, made)
        for statement in FILL:
            db.execute(statement, {"t": made.id, "documents": documents, "chunks": CHUNKS})
        db.execute("RESET ROLE")
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
    target, rows, manifest = made.target(), Rows(made.region), Manifest(b"k" * 32, "postgres")
    for id_ in rows.ids(target):
        manifest.add(id_)
    gone = rows.erase(target, lambda number: None)
    rows.settle(target)
    if not gone == manifest.leaves or _left(made, target) or made.counts():
        raise SystemExit("the bench's erasure does not hold")


def _left(made: Settled, target: Target) -> int:
    """Ask for every listed id, as the verifier."""
    found = 0
    with psycopg.connect(**made.region.database.connect_kwargs("verifier")) as db:
        asked = {"request": target.request_id, "system": "postgres", "tenant": target.tenant_id}
        spans = "SELECT table_name, min(seq) - 1, max(seq) FROM bw.erasure_item WHERE request_id = %s GROUP BY 1"
        tables = {table.name: table for table in catalogue.children_first(db)}
        for name, after, upto in db.execute(spans, (target.request_id,)).fetchall():
            row = db.execute(statements.left(tables[name]), asked | {"after": after, "upto": upto}).fetchone()
            found += (row or (0,))[0]
    return found


if __name__ == "__main__":
    sys.stdout.write(json.dumps([asdict(row) for row in measure(*map(int, sys.argv[1:]))]))
