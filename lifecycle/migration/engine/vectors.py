"""Vectors that are not rows on both sides: on the target, and seen there, before the rows that name them commit.

They are derived from passages and written only through the outbox, so what changed of them is told by the keys of rows
that are captured anyway. A document whose vectors are still on their way has a note in the outbox, which goes along:
nothing is brought for it until that note is struck off, and whoever owns the tenant then does what it says.
"""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from psycopg import Connection, sql

from lifecycle.stores.errors import Transient
from lifecycle.stores.postgres.connection import SOON
from lifecycle.stores.vectors import pinecone
from portal.lib.regions import Region

from .move import RESOURCE_CLASS, Held, Move, is_ours
from .move import VECTORS as BESIDE
from .places import Calls, place_in, place_of, portions
from .tables import Table

PASSAGES, VECTORS, NOTES = "chunks", "chunk_vectors", "document_outbox"
PORTION = 2_000  # held in memory
EPOCH = "SELECT epoch FROM bw.job_epoch WHERE tenant_id = %s AND resource_class = %s"
ID = sql.SQL("replace(document_id::text, '-', '') || '#' || ordinal")
NOTED = "SELECT document_id::text FROM rag.document_outbox WHERE tenant_id = %s AND action <> 'delete_object'"
NAMED = "SELECT document_id::text FROM rag.document_outbox WHERE tenant_id = %s AND id = ANY (%s::text[]::uuid[])"
NOTES_OF = "SELECT id::text FROM rag.document_outbox WHERE tenant_id = %s AND document_id = ANY (%s::text[]::uuid[])"
OF_DOCUMENTS = sql.SQL("SELECT {id} FROM rag.chunks WHERE tenant_id = %s AND document_id = ANY (%s::text[]::uuid[])")
AMONG = sql.SQL("""
SELECT {id} FROM {table}
WHERE tenant_id = %s AND (document_id, ordinal) IN (SELECT * FROM unnest(%s::uuid[], %s::int[]))
""")
OWED = """
INSERT INTO rag.document_outbox (tenant_id, id, document_id, action)
SELECT %s, gen_random_uuid(), document, 'upsert_vectors' FROM unnest(%s::uuid[]) document
"""
Keys = dict[str, list[list[str]]]


@dataclass(frozen=True)
class Change:
    """Ids of vectors: those that are to be as the source has them, and those whose passages are gone."""

    there: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.there or self.gone)


def go_as_rows(move: Move, table: str) -> bool:
    """Whether this table is copied row by row; the one with the vectors is, if both sides have it."""
    return table != VECTORS or move.vectors_are_rows


def of_chunk(move: Move, source: Connection[Any], table: Table, condition: sql.Composed) -> Change:
    """The vectors of the passages that meet the condition."""
    if move.vectors_are_rows or table.name != PASSAGES:
        return Change()
    query = sql.SQL("SELECT {}, document_id::text FROM {} WHERE {} ORDER BY document_id, ordinal")
    found = source.execute(query.format(ID, _origin(move), condition)).fetchall()
    noted = _noted(move, source)
    return Change(tuple(name for name, document in found if document not in noted))


def of_round(move: Move, source: Connection[Any], target: Connection[Any], keys: Keys) -> Change:
    """The vectors that the changed rows are about, in the source's snapshot.

    A note that was struck off since is on the target as it was, and says whose vectors are complete by now.
    """
    if move.vectors_are_rows:
        return Change()
    names = (PASSAGES, VECTORS) if move.held[0].as_rows else (PASSAGES,)
    ids = {f"{document.replace('-', '')}#{ordinal}" for name in names for document, ordinal in keys.get(name, [])}
    notes = [key for (key,) in keys.get(NOTES, [])]
    documents = [found for db in (source, target) for found in _column(db, NAMED, move.tenant_id, notes)]
    for db in (source, target):
        ids.update(_column(db, OF_DOCUMENTS.format(id=ID), move.tenant_id, documents))
    places = [place_in(one) for one in ids]
    among = AMONG.format(id=ID, table=_origin(move))
    present = set(_column(source, among, move.tenant_id, *map(list, zip(*places, strict=True)))) if places else set()
    noted = {document.replace("-", "") for document in _noted(move, source)}
    ready = (one for one in present if one.partition("#")[0] not in noted)
    return Change(tuple(sorted(ready)), tuple(sorted(ids - present)))


def with_notes(move: Move, source: Connection[Any], keys: Keys) -> Keys:
    """The keys, and those of all notes of the documents among them.

    A round may end between the lines of one transaction: the note that says that vectors are still to come goes along
    with the first of them.
    """
    if move.vectors_are_rows or PASSAGES not in keys:
        return keys
    documents = list({document for document, _ in keys[PASSAGES]})
    notes = {key for (key,) in keys.get(NOTES, [])} | set(_column(source, NOTES_OF, move.tenant_id, documents))
    return {**keys, NOTES: [[key] for key in sorted(notes)]} if notes else keys


def carry(
    move: Move, source: Connection[Any], target: Connection[Any], change: Change, until: float | None = None
) -> int:
    """Leave these vectors on the target as they are at the source, and seen there; returns how many there are.

    Both connections are in transactions of the mover, the target's under its epoch. Before every call that is asked
    again: this worker may have slept, and a store outside takes writes from anybody. NotInTime when `until` has come.
    """
    if not change:
        return 0
    calls = Calls(partial(_still_ours, move, source, target), until)
    there = place_of(move.target, move.held[1], move.tenant_id, target, calls)
    number = 0
    for some in portions(change.there, PORTION):
        found = place_of(move.source, move.held[0], move.tenant_id, source, calls).read(some)
        there.write(list(found.values()), [one for one in some if one not in found])
        number += len(found)
    for gone in portions(change.gone, PORTION):
        there.write([], gone)
    return number


def brought(
    move: Move, source: Connection[Any], target: Connection[Any], change: Change, until: float | None = None
) -> Change:
    """Carry them; returns what can be compared now.

    Where the source's are given up, the target removes those of deleted passages, and makes the others anew from their
    passages once it owns the tenant: a note says so.
    """
    if BESIDE not in move.without:
        carry(move, source, target, change, until)
        return change
    carry(move, source, target, Change((), change.gone), until)
    documents = sorted({document for document, _ in map(place_in, change.there)})
    target.execute(OWED, (move.tenant_id, documents))
    return Change()


def empty(move: Move, source: Connection[Any], target: Connection[Any]) -> None:
    """Remove what the target holds of an earlier copy, where it does not go with the rows."""
    if not move.held[1].as_rows:
        calls = Calls(partial(_still_ours, move, source, target))
        place_of(move.target, move.held[1], move.tenant_id, target, calls).empty()


def connect(move: Move) -> None:
    """Open what is called inside the fence, where opening it would take longer than calling it.

    One that does not answer is noticed where it is needed; it may not be.
    """
    for region, held in zip((move.source, move.target), move.held, strict=True):
        with suppress(Transient):
            ask(region, held)


def ask(region: Region, held: Held) -> None:
    """One short question to where a side keeps vectors, if that is outside; raises where no answer comes soon."""
    if region.pinecone and not held.as_rows:
        with pinecone.called(region.pinecone, "connect", patience=SOON):
            index = pinecone.opened(region.pinecone, held.index, retries=0)
            index.list_paginated(limit=1, namespace=held.namespace, timeout=SOON)


def _still_ours(move: Move, source: Connection[Any], target: Connection[Any]) -> None:
    """Raise unless the transaction that holds the job's epoch is alive; neither connection counts as idle now."""
    source.execute("SELECT 1")
    row = target.execute(EPOCH, (move.tenant_id, RESOURCE_CLASS)).fetchone()
    is_ours(row and row[0], move, move.target)


def _origin(move: Move) -> sql.Identifier:
    """The table of the source whose rows say that there is a vector."""
    return sql.Identifier("rag", VECTORS if move.held[0].as_rows else PASSAGES)


def _noted(move: Move, source: Connection[Any]) -> set[str]:
    """Documents whose vectors are on their way."""
    return set(_column(source, NOTED, move.tenant_id))


def _column(db: Connection[Any], query: str | sql.Composed, *arguments: Any) -> Iterable[str]:
    return (str(row[0]) for row in db.execute(query, arguments).fetchall())
