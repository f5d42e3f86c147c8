"""The ledger for `bailiwick-verify`: what the witness says, what the store says, what the database says.

witness/  anchors/checkpoints/  anchors/entries/  policy.json  checkpoint  entries/  leaves/  retired.json

Written below a directory, or streamed as one .tar.gz; one file at a time is in memory.
"""

import gzip
import io
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path

import psycopg

from .settings import policy
from .store import Store
from .tree import Fetch

AT_ONCE = 16_384
LEAVES = """
SELECT l.index, l.hash, e.body FROM audit.leaf l LEFT JOIN audit.entry e ON e.id = l.entry_id
WHERE l.index >= %s AND l.index < %s ORDER BY l.index
"""
RETIRED = "SELECT first, last FROM audit.retired ORDER BY first"
EDGE = """
SELECT (SELECT max(index) + 1 FROM audit.leaf), (SELECT note FROM audit.checkpoint ORDER BY size DESC LIMIT 1)
"""
Member = tuple[str, bytes]


def export(db: psycopg.Connection, store: Store, witness: Path, to: Path) -> int:
    """Write everything below the directory `to`, which must be new or empty; returns the number of leaves."""
    for place in ("witness", "anchors/checkpoints", "anchors/entries", "entries", "leaves"):
        (to / place).mkdir(parents=True)
    leaves = 0
    for name, data in members(lambda query, values: db.execute(query, values).fetchall(), store, witness):
        (to / name).write_bytes(data)
        leaves += len(data) // 32 if name.startswith("leaves/") else 0
    return leaves


def stream(files: Iterator[Member], top: str) -> Iterator[bytes]:
    """The same as a .tar.gz below one directory, in pieces as it grows."""
    sink = io.BytesIO()
    packed = gzip.GzipFile(fileobj=sink, mode="wb", compresslevel=6, mtime=0)
    with packed, tarfile.open(fileobj=packed, mode="w|", format=tarfile.GNU_FORMAT) as tar:
        for name, data in files:
            head = tarfile.TarInfo(f"{top}/{name}")
            head.size = len(data)
            tar.addfile(head, io.BytesIO(data))
            yield _taken(sink)
    yield _taken(sink)


def _taken(sink: io.BytesIO) -> bytes:
    data = sink.getvalue()
    sink.seek(0)
    sink.truncate()
    return data


def members(fetch: Fetch, store: Store, witness: Path) -> Iterator[Member]:
    """Every file of the export. The witness and the store speak first, then the database up to one edge.

    Leaves are only ever added, so reading up to an edge needs no long transaction; what is sealed meanwhile is then
    more than witness and store know, and never less.
    """
    anchored = _anchored(store)
    yield "policy.json", policy()
    if witness.is_dir():
        seen = (path for path in sorted(witness.glob("[0-9]*")) if path.name.isdigit())
        yield from ((f"witness/{path.name}", path.read_bytes()) for path in seen)
    for key in anchored:
        yield f"anchors/{key}", store.oldest(key)[0]
    yield from _database(fetch)


def _anchored(store: Store) -> list[str]:
    """The keys of the store; none where nothing was ever anchored."""
    try:
        return [key for place in ("checkpoints/", "entries/") for key in store.keys(place)]
    except store.s3.exceptions.NoSuchBucket:
        return []


def _database(fetch: Fetch) -> Iterator[Member]:
    [(end, newest)] = fetch(EDGE, [])
    done = 0
    for first in range(0, end or 0, AT_ONCE):
        rows = fetch(LEAVES, [first, min(first + AT_ONCE, end)])
        lines = b"".join((body.encode() if body is not None else b"-") + b"\n" for _, _, body in rows)
        yield f"entries/{done:012d}.jsonl", lines
        yield f"leaves/{done:012d}.bin", b"".join(bytes(hash_) for _, hash_, _ in rows)
        done += len(rows)
    yield "retired.json", json.dumps([list(row) for row in fetch(RETIRED, [])]).encode()
    if newest:
        yield "checkpoint", newest.encode()
