"""The first copy, in chunks: each is read in one snapshot and commits with its line of the ledger.

Chunks are planned once, after capture is on. What is inserted beyond the last key is captured, so a copy never runs
after the writers. Rounds begin when the copy is complete: no chunk and no round ever overlap.
"""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from contextvars import copy_context
from dataclasses import dataclass
from typing import Any, Literal

from psycopg import Connection, errors, sql

from lifecycle.stores.errors import Permanent
from lifecycle.stores.postgres.connection import SYSTEM, Limited, at_length, connection, translated
from portal.lib.tracing import span

from . import native, objects, tables, vectors
from .arm import generation
from .load import pour
from .move import RESOURCE_CLASS, Move, is_ours
from .snapshots import reading
from .tables import Table

ROWS, WORKERS = 10_000, 2
# One round trip: the epoch of this job and the state of the fence, both held until the transaction ends.
CARRY = """
SELECT e.epoch, f.state FROM bw.job_epoch e JOIN bw.fence f USING (tenant_id), LATERAL (
    SELECT set_config('session_replication_role', 'replica', true), set_config('synchronous_commit', %s, true)) s
WHERE e.tenant_id = %s AND e.resource_class = %s FOR SHARE OF e, f
"""
# The last key of every full chunk: the index is passed over once, and nothing is sorted or kept.
FULL = sql.SQL("""
WITH RECURSIVE bounds AS (
    (SELECT {names} FROM {table} WHERE tenant_id = {tenant} ORDER BY {names} OFFSET {rows} - 1 LIMIT 1)
    UNION ALL
    SELECT next.* FROM bounds, LATERAL (
        SELECT {names} FROM {table} t WHERE tenant_id = {tenant} AND ({t}) > ({bounds})
        ORDER BY {names} OFFSET {rows} - 1 LIMIT 1) AS next)
SELECT {key} FROM bounds
""")
REST = sql.SQL("SELECT {key}, count(*) OVER () FROM {table} WHERE {condition} ORDER BY {last_first} LIMIT 1")
PLAN = """
INSERT INTO bw.move_chunk (move_id, tenant_id, generation, number, table_name, after_key, upto_key, planned)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s)
"""
NEXT = """
SELECT number, table_name, after_key, upto_key, generation FROM bw.move_chunk
WHERE move_id = %s AND copied_at IS NULL ORDER BY number LIMIT 1 FOR UPDATE SKIP LOCKED
"""
DONE = """
UPDATE bw.move_chunk SET rows = %s, bytes = %s, copied_at = clock_timestamp() WHERE move_id = %s AND number = %s
"""
# A commit that waits for the disk takes with it all those before it, which did not.
KEEP = "UPDATE bw.move_chunk SET copied_at = copied_at WHERE move_id = %s AND number = 0"
PROGRESS = """
SELECT count(copied_at), count(*), coalesce(sum(rows), 0)::bigint, coalesce(sum(planned), 0)::bigint,
       coalesce(sum(bytes), 0)::bigint
FROM bw.move_chunk WHERE move_id = %s
"""


@dataclass(frozen=True)
class Progress:
    chunks_done: int
    chunks_total: int
    rows_done: int
    rows_total: int
    bytes_done: int

    @property
    def is_complete(self) -> bool:
        return self.chunks_done == self.chunks_total


@dataclass(frozen=True)
class Chunk:
    number: int
    table: str
    after: list[str] | None
    upto: list[str]
    generation: int


def plan(move: Move) -> Progress:
    """Divide the tenant's rows into chunks, once for each generation of the capture.

    A plan of an earlier generation is void, and with it every row it had brought.
    """
    with translated("plan the copy"), both(move) as (source, target):
        with reading(source), at_length(source):
            armed = generation(source, move, move.source)
            found = tables.read(source)
            planned = target.execute(
                "SELECT generation FROM bw.move_chunk WHERE move_id = %s LIMIT 1", (move.id,)
            ).fetchone()
            if planned is None or planned[0] != armed:
                with into(target, move):
                    _begin_anew(target, move, found)
                    vectors.empty(move, source, target)
                    _write_plan(target, move, armed, _chunks(source, move, found))
        return progress(target, move)


def copy_some(
    move: Move, seconds: float = 2.0, beat: Callable[[], None] = lambda: None, workers: int = WORKERS
) -> Progress:
    """Copy chunk after chunk for about so long, some at once; complete when none is left, and all of it on disk.

    What changes meanwhile is collected, so that no log waits for the end of the copy.
    """
    until = time.monotonic() + seconds
    with ThreadPoolExecutor(workers) as pool:
        running = [pool.submit(copy_context().run, _work, move, until) for _ in range(workers)]
        while wait(running, timeout=0.5).not_done:
            beat()
        for one in running:
            one.result()
    with translated("copy rows"), connection(move.target, "mover") as target:
        native.collect(move.source, move.tenant_id)
        done = progress(target, move)
        if done.is_complete:
            with into(target, move):
                target.execute(KEEP, (move.id,))
        return done


def _work(move: Move, until: float) -> None:
    with translated("copy rows"), both(move) as (source, target):
        found = {table.name: table for table in tables.of_both(source, target)}
        while _copy(source, target, move, found) and time.monotonic() < until:
            pass


def progress(target: Connection[Any], move: Move) -> Progress:
    row = target.execute(PROGRESS, (move.id,)).fetchone()
    assert row is not None
    return Progress(*row)


@contextmanager
def both(move: Move) -> Iterator[tuple[Limited, Limited]]:
    """The mover's connections to source and target."""
    with connection(move.source, "mover") as source, connection(move.target, "mover") as target:
        yield source, target


@contextmanager
def into(target: Connection[Any], move: Move, *, commit: Literal["on", "off"] = "on") -> Iterator[None]:
    """A transaction of the mover on the target, under its epoch, and only while the tenant is not written there.

    Neither foreign keys nor triggers are asked row by row: what a whole snapshot satisfies, its parts need not.
    `commit` is PostgreSQL's synchronous_commit.
    """
    with target.transaction():
        row = target.execute(CARRY, (commit, move.tenant_id, RESOURCE_CLASS)).fetchone()
        epoch, state = row or (None, "missing")
        is_ours(epoch, move, move.target)
        if state != "closed":
            raise Permanent(SYSTEM, "copy", f"the fence in {move.target.name} is {state}, and must be closed")
        yield


def _copy(
    source: Connection[Any], target: Connection[Any], move: Move, found: dict[str, Table], *, make_room: bool = False
) -> bool:
    """Copy the next chunk that nobody copies; false when there is none."""
    try:
        # a chunk that is lost is lost with its line of the ledger
        with into(target, move, commit="off"):
            row = target.execute(NEXT, (move.id,)).fetchone()
            if row is None:
                return False
            chunk = Chunk(*row)
            if (table := found.get(chunk.table)) is None:
                raise Permanent(SYSTEM, "copy", f"{chunk.table} was dropped since the copy was planned: move anew")
            condition = table.bounded(move.tenant_id, chunk.after, chunk.upto)
            about = {**move.told, "bailiwick.table": chunk.table, "bailiwick.chunk": chunk.number}
            with span("move.chunk", about) as told, reading(source):
                if generation(source, move, move.source) != chunk.generation:
                    raise Permanent(SYSTEM, "copy", "capture was off meanwhile: the copy begins anew")
                objects.bring(move, objects.named(source, table, condition))
                vectors.carry(move, source, target, vectors.of_chunk(move, source, table, condition))
                rows, size = pour(source, target, table, condition, make_room=make_room)
                told.set_attributes({"bailiwick.rows": rows, "bailiwick.bytes": size})
            target.execute(DONE, (rows, size, move.id, chunk.number))
            return True
    except errors.UniqueViolation:
        if make_room:
            raise
        return _copy(source, target, move, found, make_room=True)


def _begin_anew(target: Limited, move: Move, found: list[Table]) -> None:
    with at_length(target):
        target.execute("DELETE FROM bw.move_chunk WHERE move_id = %s", (move.id,))
        for table in found:
            target.execute(sql.SQL("DELETE FROM {} WHERE tenant_id = %s").format(table.identifier), (move.tenant_id,))


def _write_plan(target: Connection[Any], move: Move, armed: int, chunks: Iterator[tuple[Any, ...]]) -> None:
    with target.pipeline(), target.cursor() as cursor:
        rows = [(move.id, move.tenant_id, armed, number, *chunk) for number, chunk in enumerate(chunks)]
        cursor.executemany(PLAN, rows)


def _chunks(source: Limited, move: Move, found: list[Table]) -> Iterator[tuple[Any, ...]]:
    """The table, the keys after and up to which, and the number of rows of each chunk."""
    for table in found:
        if not vectors.go_as_rows(move, table.name):
            continue
        after = None
        for (upto,) in source.execute(_with_key(FULL, move, table)).fetchall():
            yield table.name, after, upto, ROWS
            after = upto
        condition = table.bounded(move.tenant_id, after)
        for upto, left in source.execute(_with_key(REST, move, table, condition=condition)).fetchall():
            yield table.name, after, upto, left


def _with_key(query: sql.SQL, move: Move, table: Table, **more: sql.Composable) -> sql.Composed:
    said: dict[str, sql.Composable] = {name: table.names(name) for name in ("t", "bounds")}
    said |= {"names": table.names(), "last_first": sql.SQL("{} DESC").format(table.names(between=" DESC, "))}
    said |= {"key": table.key_text(), "table": table.identifier, "rows": sql.Literal(ROWS)}
    return query.format(tenant=sql.Literal(move.tenant_id), **said, **more)
