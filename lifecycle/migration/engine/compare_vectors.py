"""Compares the vectors of both sides by listing and reading them. Shares no code with what copies them.

A vector is the SHA-256 over its id, its numbers in single precision and its metadata in one form; one of zeros counts
for nothing. What a round has yet to bring, because it changed since the last or is still on its way, is left out.
"""

import hashlib
import json
import struct
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from itertools import islice
from typing import Any
from uuid import UUID

from lifecycle.stores.errors import Permanent, Transient
from lifecycle.stores.postgres.connection import translated
from lifecycle.stores.vectors import pinecone
from portal.lib.regions import Region

from . import native
from .compare import Digests
from .move import Held, Move, NotInTime
from .snapshots import reader

PAGE = 100
ROWS = "SELECT document_id, ordinal, embedding::real[] FROM rag.chunk_vectors WHERE tenant_id = %s"
AMONG = " AND replace(document_id::text, '-', '') || '#' || ordinal = ANY (%s)"
NOTED = "SELECT replace(document_id::text, '-', '') FROM rag.document_outbox WHERE tenant_id = %(tenant)s"
DIRTY = """
SELECT replace(key[1], '-', '') FROM bw.dirty WHERE tenant_id = %(tenant)s AND table_name IN ('chunks', 'chunk_vectors')
"""
Found = tuple[str, Sequence[float], Any]


def compare(move: Move, beat: Callable[[], None] = lambda: None, ids: Collection[str] | None = None) -> Digests:
    """Every vector of both sides, or these alone."""
    sides = zip((move.source, move.target), move.held, strict=True)
    with ThreadPoolExecutor(2) as pool:
        jobs = [pool.submit(_digests, region, held, move.tenant_id, ids) for region, held in sides]
        while wait(jobs, timeout=1.0).not_done:
            beat()
        found = [job.result() for job in jobs]
    # looked up last: what changed while the sides were read is among it
    away = _under_way(move)
    kept = ({name: told for name, told in side.items() if name.partition("#")[0] not in away} for side in found)
    return Digests(*kept)


def differing(move: Move, there: Collection[str], gone: Collection[str], until: float) -> list[str]:
    """Those that the target does not hold as the source does, or holds though they are gone."""
    with ThreadPoolExecutor(2) as pool:
        here = pool.submit(_digests, move.source, move.held[0], move.tenant_id, there, until)
        other = _digests(move.target, move.held[1], move.tenant_id, {*there, *gone}, until)
    return sorted({name for name, _ in here.result().items() ^ other.items()})


def _under_way(move: Move) -> set[str]:
    """Documents of which vectors changed since the last round, or were on their way then or are now."""
    found: set[str] = set()
    with translated("collect what changed"):
        native.collect(move.source, move.tenant_id)
    for region, query in ((move.source, NOTED), (move.source, DIRTY), (move.target, NOTED)):
        with translated("compare vectors"), reader(region) as db:
            found.update(document for (document,) in db.execute(query, {"tenant": move.tenant_id}))
    return found


def _digests(
    region: Region, held: Held, tenant_id: UUID, ids: Collection[str] | None, until: float | None = None
) -> dict[str, bytes]:
    read = _rows(region, tenant_id, ids) if held.as_rows else _namespace(region, held, ids, until)
    return {name: _digest(name, values, metadata) for name, values, metadata in read if any(values)}


def _digest(name: str, values: Sequence[float], metadata: Any) -> bytes:
    numbers = struct.pack(f">{len(values)}f", *values).hex()
    told = json.dumps([name, numbers, dict(metadata or {})], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(told.encode()).digest()


def _rows(region: Region, tenant_id: UUID, ids: Collection[str] | None) -> Iterator[Found]:
    query, arguments = (ROWS, [tenant_id]) if ids is None else (ROWS + AMONG, [tenant_id, list(ids)])
    with translated("compare vectors"), reader(region) as db, db.cursor("vectors", binary=True) as cursor:
        for document, ordinal, values in cursor.execute(query, arguments):
            yield f"{document.hex}#{ordinal}", values, None


def _namespace(region: Region, held: Held, ids: Collection[str] | None, until: float | None) -> Iterator[Found]:
    account = region.pinecone
    if held.provider != "pinecone" or account is None:
        raise Permanent("vectors", "compare", f"vectors in {region.name} cannot be read from {held.provider}")
    index = pinecone.opened(account, held.index, retries=3 if until is None else 0)

    def call(method: Callable[..., Any], **arguments: Any) -> Any:
        patience = pinecone.TIMEOUT if until is None else max(0.001, until - time.monotonic())
        try:
            with pinecone.called(account, "compare vectors", patience):
                return method(namespace=held.namespace, timeout=patience, **arguments)
        except Transient as error:
            if until is not None and time.monotonic() >= until:
                raise NotInTime("vectors", "compare", "the pause was over before they were read back") from error
            raise

    names = iter(ids) if ids is not None else _listed(call, index)
    while some := list(islice(names, PAGE)):
        for one in call(index.fetch, ids=some).vectors.values():
            yield one.id, one.values, one.metadata


def _listed(call: Callable[..., Any], index: Any) -> Iterator[str]:
    """Every id of the namespace, page by page."""
    token = None
    while True:
        page = call(index.list_paginated, limit=PAGE, pagination_token=token)
        yield from (one.id for one in page.vectors)
        token = page.pagination.next if page.pagination else None
        if not token:
            return
