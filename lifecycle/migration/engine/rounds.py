"""Dirty rounds: what changed since is read again in one snapshot and brought over; then exactly those keys leave.

A round that is killed between its two commits is done again by the next: bringing a row over twice changes nothing.

What was captured of a table that neither side has any more is looked for in every other table, by its key: it was
dropped, and no row is found, or renamed, and its rows come. Then those lines leave like all others.
"""

import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import structlog
from psycopg import Connection, errors, sql

from lifecycle.stores.postgres.connection import SYSTEM, connection, translated
from portal.lib.tracing import span

from . import native, objects, tables, vectors
from .arm import generation
from .copy import both, into
from .load import pour
from .move import OBJECTS, Move, fenced
from .snapshots import Gone, Snapshot, age, is_later, reading
from .tables import Table
from .vectors import Change, Keys

log = structlog.get_logger(__name__)
MOST = 50_000  # keys in one round: it is held in memory
DIRTY = """
SELECT seq, table_name, key FROM bw.dirty
WHERE tenant_id = %s AND table_name <> ALL (%s) AND xid IS NULL ORDER BY seq LIMIT %s
"""
# An object that could not come with the row that names it has a line of its own, until its store answers.
OWE = "INSERT INTO bw.dirty (tenant_id, table_name, key) SELECT %s, %s, ARRAY[key] FROM unnest(%s::text[]) key"
SEEN = """
SELECT pg_current_snapshot()::text, f.epoch, f.slot FROM (SELECT) x LEFT JOIN bw.fence f ON f.tenant_id = %s
"""
LEFT = "SELECT count(*) FROM bw.dirty WHERE tenant_id = %s"
STORE = """
INSERT INTO bw.move_round (move_id, tenant_id, number, source, snapshot, upserted, deleted)
SELECT %s, %s, (SELECT count(*) FROM bw.move_round WHERE move_id = %s), %s, %s, %s, %s
"""
LAST = "SELECT snapshot FROM bw.move_round WHERE move_id = %s AND source = %s ORDER BY number DESC LIMIT 1"
APPLIED = """
INSERT INTO bw.applied AS a (tenant_id, move_id, epoch, snapshot, at)
VALUES (%s, %s, %s, %s, clock_timestamp() - make_interval(secs => %s))
ON CONFLICT (tenant_id) DO UPDATE
SET move_id = excluded.move_id, epoch = excluded.epoch, snapshot = excluded.snapshot, at = excluded.at
"""


Line = tuple[int, str, list[str]]


@dataclass(frozen=True)
class Seen:
    """The source's snapshot of a round, the epoch of the fence in it, and when it was taken (monotonic)."""

    snapshot: str
    epoch: int
    taken: float
    is_whole: bool  # nothing was left out: afterwards the target holds all that the snapshot shows


@dataclass(frozen=True)
class Round:
    """`keys` distinct keys; `left` is how many more lines were dirty when it ended.

    `changed` are the keys of what was brought as rows, `vectors` what was brought beside them, `owed` the objects that
    these rows name and that were not. `gone` counts the keys of each table that was dropped on both sides.
    """

    keys: int
    upserted: int
    deleted: int
    seconds: float
    left: int
    changed: Keys
    vectors: Change
    seen: Seen
    owed: tuple[str, ...] = ()
    gone: Mapping[str, int] = field(default_factory=dict)


def round(move: Move, of: Snapshot | None = None) -> Round:
    """Bring over what changed, at most MOST lines of it. Afterwards, if nothing was left out, target equals source.

    As of now, or of a snapshot that somebody holds: raises Gone when nobody does any more.
    """
    with translated("dirty round"), both(move) as (source, target):
        with carried(source, target, move, tables.of_both(source, target), of=of) as done:
            if not done.keys:
                with into(target, move):
                    _stand(target, move, done.seen)
        return done


@contextmanager
def carried(
    source: Connection[Any],
    target: Connection[Any],
    move: Move,
    found: list[Table],
    *,
    strike: bool = True,
    until: float | None = None,
    of: Snapshot | None = None,
) -> Iterator[Round]:
    """One round, durable on the target; inside, the source's snapshot is still open. `strike` its lines at the end.

    NotInTime when vectors are not seen on the target `until` then.
    """

    def carry(make_room: bool = False) -> tuple[list[int], Round]:
        with span("move.round", move.told) as told:
            seqs, done = _carry(source, target, move, found, until, of, make_room=make_room)
            counts = {"bailiwick.keys": done.keys, "bailiwick.rows": done.upserted, "bailiwick.left": done.left}
            told.set_attributes(counts)
            return seqs, done

    with ExitStack() as held:
        held.enter_context(reading(source, of))
        try:
            seqs, done = carry()
        except errors.UniqueViolation:
            held.close()
            held.enter_context(reading(source, of))
            seqs, done = carry(make_room=True)
        yield done
    if seqs and strike:
        with fenced(source, move, move.source):
            source.execute("DELETE FROM bw.dirty WHERE tenant_id = %s AND seq = ANY (%s)", (move.tenant_id, seqs))
            if done.owed:
                source.execute(OWE, (move.tenant_id, OBJECTS, list(done.owed)))


def mend(move: Move, ids: Collection[str]) -> None:
    """Bring these vectors again: as the source has them now, and none where it has none."""
    with translated("mend vectors"), both(move) as (source, target), reading(source), into(target, move):
        vectors.carry(move, source, target, Change(tuple(ids)))


def _carry(
    source: Connection[Any],
    target: Connection[Any],
    move: Move,
    found: list[Table],
    until: float | None,
    of: Snapshot | None,
    *,
    make_room: bool = False,
) -> tuple[list[int], Round]:
    """The lines that were carried, and the round."""
    began = time.monotonic()
    with source.pipeline():
        given_up = list(move.without & {OBJECTS})
        dirty, seen = source.execute(DIRTY, (move.tenant_id, given_up, MOST)), source.execute(SEEN, (move.tenant_id,))
        generation(source, move, move.source)
    lines, row = dirty.fetchall(), seen.fetchone()
    assert row is not None
    if of:
        _require_last(target, move, of)
    if row[2]:
        lines = _with_collected(move, lines, row[0], in_haste=until is not None)
    taken = Seen(row[0], row[1], began - age(source, of), len(lines) < MOST)
    changed: dict[str, dict[tuple[str, ...], None]] = {}
    for _, table, key in lines:
        changed.setdefault(table, {})[tuple(key)] = None
    objects.bring(move, (key for (key,) in changed.pop(OBJECTS, {})))
    gone = _look_elsewhere(source, target, move, found, changed)
    keys = vectors.with_notes(move, source, {name: [list(key) for key in found] for name, found in changed.items()})
    rows = {name: dirty for name, dirty in keys.items() if vectors.go_as_rows(move, name)}
    upserted, left, beside, owed = 0, 0, Change(), set[str]()
    if keys:
        known = {table.name: table for table in found}
        with into(target, move):
            beside = vectors.of_round(move, source, target, keys)
            beside = vectors.brought(move, source, target, beside, until)
            upserted, owed = _bring(source, target, move, known, rows, taken, make_room)
    if len(lines) == MOST:
        left = _left(move, source, row[2]) - len(lines)
    number, deleted = sum(map(len, keys.values())), sum(map(len, rows.values())) - upserted
    seconds = time.monotonic() - began
    done = Round(number, upserted, deleted, seconds, left, rows, beside, taken, tuple(sorted(owed)), gone)
    return [seq for seq, *_ in lines], done


def _look_elsewhere(
    source: Connection[Any],
    target: Connection[Any],
    move: Move,
    found: list[Table],
    changed: dict[str, dict[tuple[str, ...], None]],
) -> dict[str, int]:
    """Take tables that neither side has out of what changed, put in what has their keys now; returns how many each had.

    Whether one was dropped or renamed nobody can tell any more. A row that still is somewhere is brought once too often
    rather than not at all.
    """
    gone = {name: changed.pop(name) for name in changed.keys() - {table.name for table in found}}
    for name, keys in gone.items():
        for table in found:
            if there := {key for db in (source, target) for key in table.having(db, move.tenant_id, keys)}:
                changed.setdefault(table.name, {}).update(dict.fromkeys(there))
        log.warning("migration.table_gone", migration_id=str(move.id), table=name, keys=len(keys))
    return {name: len(keys) for name, keys in gone.items()}


def _with_collected(move: Move, lines: list[Line], snapshot: str, *, in_haste: bool) -> list[Line]:
    """The lines, and those of a stream: of all transactions that the snapshot shows, for it was taken before."""
    native.collect(move.source, move.tenant_id, in_haste=in_haste)
    with connection(move.source, "mover") as db:
        return sorted([*lines, *native.shown(db, move.tenant_id, snapshot, MOST)])[:MOST]


def _left(move: Move, source: Connection[Any], slot: str | None) -> int:
    """Lines that wait, those of this round included; of a stream also what was collected since its snapshot."""
    if slot is None:
        row = source.execute(LEFT, (move.tenant_id,)).fetchone()
    else:
        with connection(move.source, "mover") as db:
            row = db.execute(LEFT, (move.tenant_id,)).fetchone()
    return int(row[0]) if row else 0


def _require_last(target: Connection[Any], move: Move, of: Snapshot) -> None:
    """Raise Gone if a round of a later snapshot came: this one would bring old rows, or find the target beyond it."""
    row = target.execute(LAST, (move.id, move.source.name)).fetchone()
    if row and is_later(row[0], of.shows):
        raise Gone(SYSTEM, "dirty round", "another round came after this snapshot")


def _bring(
    source: Connection[Any],
    target: Connection[Any],
    move: Move,
    found: dict[str, Table],
    keys: Keys,
    seen: Seen,
    make_room: bool,
) -> tuple[int, set[str]]:
    """Replace the rows of these keys on the target by those of the source's snapshot `seen`.

    Returns their number, and what they name where the source's objects are given up.
    """
    upserted = 0
    conditions = {name: found[name].among(move.tenant_id, dirty) for name, dirty in keys.items()}
    owed = _bring_objects(source, target, move, found, conditions)
    with target.pipeline():
        for name, condition in conditions.items():
            target.execute(sql.SQL("DELETE FROM {} WHERE {}").format(found[name].identifier, condition))
    for name, condition in conditions.items():
        upserted += pour(source, target, found[name], condition, make_room=make_room)[0]
    deleted = sum(map(len, keys.values())) - upserted
    target.execute(STORE, (move.id, move.tenant_id, move.id, move.source.name, seen.snapshot, upserted, deleted))
    _stand(target, move, seen)
    return upserted, owed


def _stand(target: Connection[Any], move: Move, seen: Seen) -> None:
    """Say what the target holds from this commit on, for whoever reads there what was written at the source."""
    if seen.is_whole:
        age = time.monotonic() - seen.taken
        target.execute(APPLIED, (move.tenant_id, move.id, seen.epoch, seen.snapshot, age))


def _bring_objects(
    source: Connection[Any],
    target: Connection[Any],
    move: Move,
    found: dict[str, Table],
    conditions: dict[str, sql.Composed],
) -> set[str]:
    """What the changed rows name, as they are and as they were: the object of a deleted row has a marker by now."""
    here, there = (
        {key for name, condition in conditions.items() for key in objects.named(db, found[name], condition)}
        for db in (source, target)
    )
    if OBJECTS not in move.without:
        objects.bring(move, here | there)
        return set()
    objects.mark_deleted(move, there - here - objects.still_named(source, move.tenant_id, there - here))
    return here
