"""What a tenant's rows weigh, how fast they are read, and how fast they change. Reads only, as the verifier.

Three chunks of each table are read as the copy would read them: the first, the middle, the last. What changed in ten
minutes is counted by the rows' own dates, so what was only updated or deleted is missing in it: it is a least value.
"""

import time
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg import Connection, sql

from lifecycle.stores.postgres.connection import connection, translated
from portal.lib.regions import Region

from .engine import tables
from .engine.tables import Table

CHUNK, SECONDS = 1_000, 600
ROWS = sql.SQL("SELECT count(*) FROM {table} WHERE tenant_id = {tenant}")
RECENT = sql.SQL("SELECT count(*) FROM {table} WHERE tenant_id = {tenant} AND created_at > now() - interval '{s} s'")
STORED = sql.SQL("SELECT coalesce(sum(bytes), 0)::bigint FROM rag.documents WHERE tenant_id = {tenant}")
SAMPLE = sql.SQL("""
COPY (SELECT {columns} FROM {table} WHERE tenant_id = {tenant} ORDER BY {key} LIMIT {rows} OFFSET {skip})
TO STDOUT (FORMAT BINARY)
""")


@dataclass(frozen=True)
class Bounds:
    """An expected value between a low and a high one."""

    low: float
    expected: float
    high: float


@dataclass(frozen=True)
class Probe:
    """`bytes` of rows as they would travel, `object_bytes` as the rows tell; rates per second.

    None: there was nothing to measure it by.
    """

    rows: int
    bytes: Bounds
    object_bytes: int
    rows_a_second: float | None
    changes_a_second: float | None


@dataclass(frozen=True)
class _Sampled:
    rows: int
    weights: list[float]  # mean bytes of a row, per chunk
    read: int
    seconds: float
    recent: int | None

    def bytes(self, pick: Any) -> float:
        return self.rows * pick(self.weights) if self.weights else 0.0


def probe(region: Region, tenant_id: UUID) -> Probe:
    """Measure the tenant in its store; a StoreError says that it cannot be."""
    with translated("probe"), connection(region, "verifier") as db:
        found = [_sample(db, table, tenant_id) for table in tables.read(db)]
        stored = _number(db, STORED.format(tenant=sql.Literal(tenant_id)))
    rows, read, seconds = (sum(getattr(one, name) for one in found) for name in ("rows", "read", "seconds"))
    weight = Bounds(*(sum(one.bytes(pick) for one in found) for pick in (min, _mean, max)))
    return Probe(rows, weight, stored, read / seconds if read else None, _changes(found, rows))


def _sample(db: Connection[Any], table: Table, tenant_id: UUID) -> _Sampled:
    parts = {"table": table.identifier, "tenant": sql.Literal(tenant_id)}
    rows = _number(db, ROWS.format(**parts))
    is_dated = "created_at" in table.columns
    recent = _number(db, RECENT.format(s=sql.SQL(str(SECONDS)), **parts)) if is_dated else None
    weights, read, began = [], 0, time.monotonic()
    for skip in sorted({0, max(0, rows // 2 - CHUNK // 2), max(0, rows - CHUNK)}) if rows else ():
        many = min(CHUNK, rows - skip)
        names = sql.SQL(", ").join(map(sql.Identifier, table.key))
        statement = SAMPLE.format(
            columns=table.listed(), key=names, rows=sql.Literal(CHUNK), skip=sql.Literal(skip), **parts
        )
        with db.cursor().copy(statement) as copy:
            weights.append(sum(map(len, copy)) / many)
        read += many
    return _Sampled(rows, weights, read, time.monotonic() - began, recent)


def _changes(found: list[_Sampled], rows: int) -> float | None:
    """Rows of tables without a date change as many times as there are of them for one with a date."""
    dated = sum(one.rows for one in found if one.recent is not None)
    recent = sum(one.recent or 0 for one in found)
    if rows and not dated:
        return None
    return recent * rows / dated / SECONDS if dated else 0.0


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)


def _number(db: Connection[Any], query: sql.Composed) -> int:
    row = db.execute(query).fetchone()
    return int(row[0]) if row else 0
