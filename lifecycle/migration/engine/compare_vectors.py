"""Compares the vectors of both sides by listing and reading them. Shares no code with what copies them.

A vector is the SHA-256 over its id, its numbers in single precision and its metadata in one form; one of zeros counts
for nothing. Of those that differ, what a round has yet to bring, because it changed since the last or is still on its
way, is left out. Both sides list ids in the order of their bytes: Pinecone says so of its own, and is held to it.
"""

import hashlib
import json
import re
import struct
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any
from uuid import UUID

from lifecycle.stores.errors import Permanent, Transient
from lifecycle.stores.postgres.connection import translated
from lifecycle.stores.vectors import pinecone
from portal.lib.regions import Region

from . import native
from .compare import Digests, by_piece
from .move import Held, Move, NotInTime
from .snapshots import reader

PAGE, MANY, AT_ONCE = 100, 10_000, 8  # ids of a call to an index; of a query of rows; calls at a time
OURS = re.compile(r"([0-9a-f]{32})#(0|[1-9][0-9]{0,8})")
LIST = """
SELECT id FROM (
    SELECT replace(document_id::text, '-', '') || '#' || ordinal AS id, document_id, ordinal FROM rag.chunk_vectors
    WHERE tenant_id = %s AND document_id >= %s
) AS found
WHERE id > %s COLLATE "C" ORDER BY document_id, ordinal::text COLLATE "C" LIMIT %s
"""
READ = """
SELECT document_id, ordinal, embedding::real[] FROM rag.chunk_vectors
WHERE tenant_id = %s AND (document_id, ordinal) IN (SELECT * FROM unnest(%s::uuid[], %s::int[]))
"""
NOTED = """
SELECT replace(document_id::text, '-', '') FROM rag.document_outbox
WHERE tenant_id = %(tenant)s AND document_id = ANY (%(documents)s::uuid[])
"""
DIRTY = """
SELECT replace(key[1], '-', '') FROM bw.dirty
WHERE tenant_id = %(tenant)s AND table_name IN ('chunks', 'chunk_vectors') AND key[1] = ANY (%(documents)s::text[])
"""
Found = tuple[str, Sequence[float], Any]
Listed = tuple[str, int, str | None]  # id; 0 for the source, 1 for the target; the page of an index that names it
Behind = Sequence[str | None]  # the last id, and for each side the page that named its last one


def pieces(
    move: Move, after: Behind = (), beat: Callable[[], None] = lambda: None
) -> Iterator[tuple[Digests, list[str | None]]]:
    """Read every vector of both sides in the order of the ids, from behind `after`.

    Some at a time, with how far that is: whoever has kept what it found goes on behind it.
    """
    last, *pages = after or ("", None, None)
    for some in by_piece(*(_listed(move, side, last or "", pages[side]) for side in (0, 1))):
        sides: tuple[list[str], list[str]] = ([], [])
        for name, side, page in some:
            sides[side].append(name)
            pages[side] = page
        yield _compared(move, sides, beat), [some[-1][0], *pages]


def compare(move: Move, ids: Collection[str] | None = None) -> Digests:
    """The same of all vectors, or of these alone, in one."""
    if ids is not None:
        return _compared(move, (ids, ids))
    whole = Digests({}, {})
    for found, _ in pieces(move):
        whole.source.update(found.source)
        whole.target.update(found.target)
    return whole


def differing(move: Move, there: Collection[str], gone: Collection[str], until: float) -> list[str]:
    """Those that the target does not hold as the source does, or holds though they are gone."""
    return _digests(move, (there, {*there, *gone}), until=until).mismatches


def _compared(
    move: Move, ids: tuple[Collection[str], Collection[str]], beat: Callable[[], None] = lambda: None
) -> Digests:
    found = _digests(move, ids, beat)
    if found.ok:
        return found
    # looked up last: what changed while the sides were read is among it
    away = _under_way(move, found.mismatches)
    left = {name for name in found.mismatches if name.partition("#")[0] in away}
    return Digests(*({name: told for name, told in side.items() if name not in left} for side in vars(found).values()))


def _under_way(move: Move, names: Collection[str]) -> set[str]:
    """The documents of these of which vectors changed since the last round, or were on their way then or are now."""
    found: set[str] = set()
    documents = sorted({str(UUID(hex=ours[1])) for ours in map(OURS.fullmatch, names) if ours})
    with translated("collect what changed"):
        native.collect(move.source, move.tenant_id)
    for region, query in ((move.source, NOTED), (move.source, DIRTY), (move.target, NOTED)):
        with translated("compare vectors"), reader(region) as db:
            asked = {"tenant": move.tenant_id, "documents": documents}
            found.update(document for (document,) in db.execute(query, asked))
    return found


def _digests(
    move: Move,
    ids: tuple[Collection[str], Collection[str]],
    beat: Callable[[], None] = lambda: None,
    until: float | None = None,
) -> Digests:
    """What each side holds under these ids of its own."""
    found = Digests({}, {})
    with ThreadPoolExecutor(AT_ONCE) as pool:
        jobs = {
            pool.submit(_read, move, side, some, until): told
            for side, told in ((0, found.source), (1, found.target))
            for some in _portions(sorted(ids[side]), MANY if move.held[side].as_rows else PAGE)
        }
        while wait(jobs, timeout=1.0).not_done:
            beat()
        for job, told in jobs.items():
            told.update(job.result())
    return found


def _portions(names: list[str], size: int) -> Iterator[list[str]]:
    return (names[start : start + size] for start in range(0, len(names), size))


def _read(move: Move, side: int, names: list[str], until: float | None) -> dict[str, bytes]:
    region, held = _side(move, side)
    read = _rows(region, move.tenant_id, names) if held.as_rows else _namespace(region, held, names, until)
    return {name: _digest(name, values, metadata) for name, values, metadata in read if any(values)}


def _side(move: Move, side: int) -> tuple[Region, Held]:
    return (move.source, move.target)[side], move.held[side]


def _digest(name: str, values: Sequence[float], metadata: Any) -> bytes:
    numbers = struct.pack(f">{len(values)}f", *values).hex()
    told = json.dumps([name, numbers, dict(metadata or {})], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(told.encode()).digest()


def _listed(move: Move, side: int, after: str, page: str | None) -> Iterator[Listed]:
    """Id after id in order, from behind `after`, which `page` of an index or one before it named."""
    region, held = _side(move, side)
    names = _of_rows(region, move.tenant_id, after) if held.as_rows else _of_namespace(region, held, after, page)
    return ((name, side, found) for name, found in names)


def _of_rows(region: Region, tenant_id: UUID, after: str) -> Iterator[tuple[str, None]]:
    while True:
        # no id behind `after` is of a document before this one, which an index leads to
        document = UUID(hex=re.split("[^0-9a-f]", after[:32])[0].ljust(32, "0"))
        with translated("compare vectors"), reader(region) as db:
            found = db.execute(LIST, (tenant_id, document, after, MANY)).fetchall()
        yield from ((name, None) for (name,) in found)
        if len(found) < MANY:
            return
        after = found[-1][0]


def _of_namespace(region: Region, held: Held, after: str, page: str | None) -> Iterator[tuple[str, str | None]]:
    """Each id with the page that named it.

    A page that was kept counts only if it begins at or before `after`, so that nothing between is passed over; else,
    and where the index knows it no more, all pages are turned again.
    """
    call = _calling(region, held, None)
    last = ""
    for name, found in _turned(call, page, after):
        if name <= last:
            raise Permanent("vectors", "compare", f"{region.name} does not list ids in order: {last!r}, then {name!r}")
        last = name
        if name > after:
            yield name, found


def _turned(call: Callable[..., Any], page: str | None, after: str) -> Iterator[tuple[str, str | None]]:
    is_kept = page is not None
    while True:
        try:
            answer = call("list_paginated", limit=PAGE, pagination_token=page)
        except Permanent:
            if not is_kept:
                raise
            is_kept, page = False, None
            continue
        if is_kept and not (answer.vectors and answer.vectors[0].id <= after):
            is_kept, page = False, None
            continue
        is_kept = False
        yield from ((one.id, page) for one in answer.vectors)
        page = answer.pagination.next if answer.pagination else None
        if not page:
            return


def _rows(region: Region, tenant_id: UUID, names: list[str]) -> Iterator[Found]:
    """Rows have no other names than ours."""
    ours = [one for one in map(OURS.fullmatch, names) if one]
    documents, ordinals = [UUID(hex=one[1]) for one in ours], [int(one[2]) for one in ours]
    with translated("compare vectors"), reader(region) as db:
        found = db.execute(READ, (tenant_id, documents, ordinals), binary=True).fetchall()
    return ((f"{document.hex}#{ordinal}", values, None) for document, ordinal, values in found)


def _namespace(region: Region, held: Held, names: list[str], until: float | None) -> Iterator[Found]:
    answer = _calling(region, held, until)("fetch", ids=names)
    return ((one.id, one.values, one.metadata) for one in answer.vectors.values())


def _calling(region: Region, held: Held, until: float | None) -> Callable[..., Any]:
    """Calls the index by a method's name, `until` then if it is said."""
    account = region.pinecone
    if held.provider != "pinecone" or account is None:
        raise Permanent("vectors", "compare", f"vectors in {region.name} cannot be read from {held.provider}")
    index = pinecone.opened(account, held.index, retries=3 if until is None else 0)

    def call(method: str, **arguments: Any) -> Any:
        patience = pinecone.TIMEOUT if until is None else max(0.001, until - time.monotonic())
        try:
            with pinecone.called(account, "compare vectors", patience):
                return getattr(index, method)(namespace=held.namespace, timeout=patience, **arguments)
        except Transient as error:
            if until is not None and time.monotonic() >= until:
                raise NotInTime("vectors", "compare", "the pause was over before they were read back") from error
            raise

    return call
