"""Dirty rounds: what changed since is read again in one snapshot and brought over; then exactly those keys leave.

A round that is killed between its two commits is done again by the next: bringing a row over twice changes nothing.
"""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from psycopg import Connection, errors, sql

from lifecycle.stores.postgres.connection import translated

from . import objects, tables
from .arm import generation
from .copy import both, into, snapshot
from .load import pour
from .move import Move, fenced
from .tables import Table

MOST = 50_000  # keys in one round: it is held in memory
DIRTY = "SELECT seq, table_name, key FROM bw.dirty WHERE tenant_id = %s ORDER BY seq LIMIT %s"
SEEN = "SELECT pg_current_snapshot()::text"
LEFT = "SELECT count(*) FROM bw.dirty WHERE tenant_id = %s"
STORE = """
INSERT INTO bw.move_round (move_id, tenant_id, number, source, snapshot, upserted, deleted)
SELECT %s, %s, (SELECT count(*) FROM bw.move_round WHERE move_id = %s), %s, %s, %s, %s
"""


Keys = dict[str, list[list[str]]]


@dataclass(frozen=True)
class Round:
    """`keys` distinct keys; `left` is how many more lines were dirty when it ended."""

    keys: int
    upserted: int
    deleted: int
    seconds: float
    left: int
    changed: Keys


def round(move: Move) -> Round:
    """Bring over what changed, at most MOST lines of it. Afterwards, if nothing was left out, target equals source."""
    with translated("dirty round"), both(move) as (source, target):
        with carried(source, target, move, tables.read(source)) as done:
            pass
        return done


@contextmanager
def carried(
    source: Connection[Any], target: Connection[Any], move: Move, found: list[Table], *, strike: bool = True
) -> Iterator[Round]:
    """One round, durable on the target; inside, the source's snapshot is still open. `strike` its lines at the end."""
    with ExitStack() as held:
        held.enter_context(snapshot(source))
        try:
            seqs, done = _carry(source, target, move, found)
        except errors.UniqueViolation:
            held.close()
            held.enter_context(snapshot(source))
            seqs, done = _carry(source, target, move, found, make_room=True)
        yield done
    if seqs and strike:
        with fenced(source, move, move.source):
            source.execute("DELETE FROM bw.dirty WHERE tenant_id = %s AND seq = ANY (%s)", (move.tenant_id, seqs))


def _carry(
    source: Connection[Any], target: Connection[Any], move: Move, found: list[Table], *, make_room: bool = False
) -> tuple[list[int], Round]:
    """The lines that were carried, and the round."""
    began = time.monotonic()
    with source.pipeline():
        dirty, seen = source.execute(DIRTY, (move.tenant_id, MOST)), source.execute(SEEN)
        generation(source, move, move.source)
    lines, row = dirty.fetchall(), seen.fetchone()
    assert row is not None
    changed: dict[str, dict[tuple[str, ...], None]] = {}
    for _, table, key in lines:
        changed.setdefault(table, {})[tuple(key)] = None
    keys = {name: [list(key) for key in found] for name, found in changed.items()}
    number, upserted, left = sum(map(len, keys.values())), 0, 0
    if keys:
        upserted = _bring(source, target, move, {table.name: table for table in found}, keys, row[0], make_room)
    if len(lines) == MOST:
        row = source.execute(LEFT, (move.tenant_id,)).fetchone()
        left = int(row[0]) - len(lines) if row else 0
    seconds = time.monotonic() - began
    return [seq for seq, *_ in lines], Round(number, upserted, number - upserted, seconds, left, keys)


def _bring(
    source: Connection[Any],
    target: Connection[Any],
    move: Move,
    found: dict[str, Table],
    keys: Keys,
    seen: str,
    make_room: bool,
) -> int:
    """Replace the rows of these keys on the target by those of the source's snapshot `seen`; returns their number."""
    upserted = 0
    with into(target, move):
        conditions = {name: found[name].among(move.tenant_id, dirty) for name, dirty in keys.items()}
        objects.bring(move, _objects(source, target, found, conditions))
        with target.pipeline():
            for name, condition in conditions.items():
                target.execute(sql.SQL("DELETE FROM {} WHERE {}").format(found[name].identifier, condition))
        for name, condition in conditions.items():
            upserted += pour(source, target, found[name], condition, make_room=make_room)[0]
        deleted = sum(map(len, keys.values())) - upserted
        facts = (move.id, move.tenant_id, move.id, move.source.name, seen, upserted, deleted)
        target.execute(STORE, facts)
    return upserted


def _objects(
    source: Connection[Any], target: Connection[Any], found: dict[str, Table], conditions: dict[str, sql.Composed]
) -> set[str]:
    """What the changed rows name, as they are and as they were: the object of a deleted row has a marker by now."""
    sides = (source, target)
    return {
        key
        for name, condition in conditions.items()
        for db in sides
        for key in objects.named(db, found[name], condition)
    }
