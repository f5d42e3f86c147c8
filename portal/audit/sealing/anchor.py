"""Take sealed checkpoints and the entries they cover out of the database's reach: copy, anchor, have witnessed."""

import psycopg
from bailiwick_proof.merkle import consistency_proof

from . import tree
from .store import Store
from .witness import Witness

PENDING = """
SELECT size, first, note, sealed_at FROM (
    SELECT size, lag(size, 1, 0::bigint) OVER (ORDER BY size) AS first, note, sealed_at FROM ledger.checkpoint
) AS c WHERE NOT EXISTS (SELECT FROM ledger.anchor a WHERE a.size = c.size) ORDER BY size
"""
BODIES = """
SELECT e.body FROM ledger.leaf l JOIN ledger.entry e ON e.id = l.entry_id
WHERE l.index >= %s AND l.index < %s ORDER BY l.index
"""
KEEP = "INSERT INTO ledger.anchor (size, place, version, cosignature) VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING"


class Behind(Exception):
    """The store holds a checkpoint larger than the database's newest: entries were taken from the database."""


def checkpoint_key(size: int) -> str:
    """Where the checkpoint of a tree of this size lies."""
    return f"checkpoints/{size:020d}"


def entries_key(first: int, size: int) -> str:
    """Where the copy of leaves `first` to `size - 1` lies."""
    return f"entries/{first:020d}-{size - 1:020d}.jsonl"


def anchor_pending(db: psycopg.Connection, store: Store, witness: Witness) -> int:
    """Anchor every checkpoint that is not yet, oldest first; returns how many. May be killed and repeated anywhere."""
    pending = db.execute(PENDING).fetchall()
    for size, first, note, at in pending:
        store.put(entries_key(first, size), lines(db, first, size), at)
        version = store.put(checkpoint_key(size), note.encode(), at)
        seen = witness.size()
        proof = consistency_proof(seen, size, tree.of(db)) if seen <= size else []
        cosigned = witness.cosign(note.encode(), proof)
        place = f"s3://{store.bucket}/{checkpoint_key(size)}"
        db.execute(KEEP, [size, place, version, cosigned.decode()])
    return len(pending)


def lines(db: psycopg.Connection, first: int, size: int) -> bytes:
    """The stored bytes of the leaves, one a line."""
    return b"".join(body.encode() + b"\n" for (body,) in db.execute(BODIES, [first, size]))


def require_not_behind(db: psycopg.Connection, store: Store) -> None:
    """Raise Behind if the store knows more than the database: a dump was restored, or the tail was cut off."""
    row = db.execute("SELECT coalesce(max(size), 0) FROM ledger.checkpoint").fetchone()
    assert row is not None
    newer = store.keys("checkpoints/", after=checkpoint_key(row[0]))
    if newer:
        raise Behind(f"the database ends at {row[0]} entries, the anchors at {int(newer[-1].rpartition('/')[2])}")
