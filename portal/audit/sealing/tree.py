"""The tree's hashes as the database holds them."""

from collections.abc import Callable
from typing import Any

import psycopg
from bailiwick_proof.merkle import HashAt, node_hash

WIDTH = 8  # levels of a tile: the database keeps every eighth
LEAVES = "SELECT hash FROM audit.leaf WHERE index >= %s AND index < %s ORDER BY index"
NODES = "SELECT hash FROM audit.node WHERE level = %s AND index >= %s AND index < %s ORDER BY index"
Fetch = Callable[[str, list[Any]], list[Any]]


def reader(fetch: Fetch) -> HashAt:
    """Return the function by which proofs ask for the hash of a complete subtree: (level, index) → 32 bytes."""
    return lambda level, index: _fold(fetch, level // WIDTH * WIDTH, level % WIDTH, index)


def of(db: psycopg.Connection) -> HashAt:
    """The same over a psycopg connection."""
    return reader(_fetch(db))


def keep_nodes(db: psycopg.Connection, old: int, new: int) -> None:
    """Store the subtrees of 256, 65,536, … leaves that were completed between two sizes."""
    fetch, level = _fetch(db), WIDTH
    while new >> level:
        done = [
            (level, index, _fold(fetch, level - WIDTH, WIDTH, index)) for index in range(old >> level, new >> level)
        ]
        with db.cursor() as cursor:
            cursor.executemany("INSERT INTO ledger.node (level, index, hash) VALUES (%s, %s, %s)", done)
        level += WIDTH


def _fetch(db: psycopg.Connection) -> Fetch:
    return lambda query, values: db.execute(query, values).fetchall()


def _fold(fetch: Fetch, kept: int, up: int, index: int) -> bytes:
    """The root of the subtree `up` levels above the kept hashes of level `kept`."""
    first, end = index << up, (index + 1) << up
    rows = fetch(NODES, [kept, first, end]) if kept else fetch(LEAVES, [first, end])
    hashes = [bytes(row[0]) for row in rows]
    if len(hashes) != end - first:
        raise LookupError(f"the tree has no complete subtree {index} at level {kept + up}")
    while len(hashes) > 1:
        hashes = [node_hash(left, right) for left, right in zip(hashes[::2], hashes[1::2], strict=True)]
    return hashes[0]
