"""Seal: give every entry committed below the transaction horizon its leaf, and sign the new root.

The horizon is the oldest transaction still running (`pg_snapshot_xmin`): below it nothing can appear any more, so each
committed entry is sealed exactly once, however far out of order ids commit. One row lock makes sealers queue.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from bailiwick_proof.checkpoint import Checkpoint
from bailiwick_proof.keys import SigningKey
from bailiwick_proof.merkle import Frontier

from . import tree

AT_ONCE = 50_000
HORIZON = """
SELECT below, size, frontier, pg_snapshot_xmin(pg_current_snapshot())::text::bigint,
       cluster = (SELECT system_identifier FROM pg_control_system())
FROM ledger.horizon FOR UPDATE
"""
CUT = "SELECT xid FROM ledger.entry WHERE xid > %s AND xid < %s ORDER BY xid OFFSET %s LIMIT 1"
LEAVES = """
INSERT INTO ledger.leaf (index, entry_id, hash)
SELECT %s + row_number() OVER (ORDER BY id) - 1, id, sha256('\\x00' || convert_to(body, 'UTF8'))
FROM ledger.entry WHERE xid >= %s AND xid < %s
RETURNING index, hash
"""
ADVANCE = "UPDATE ledger.horizon SET below = %s, size = %s, frontier = %s"
CHECKPOINT = "INSERT INTO ledger.checkpoint (size, root, note, sealed_at) VALUES (%s, %s, %s, %s)"


class Foreign(Exception):
    """The database is a restored copy on another cluster: its transaction numbers say nothing here."""


@dataclass(frozen=True)
class Sealed:
    """One checkpoint: leaves `first` (included) to `size` (excluded) are new in it."""

    first: int
    size: int
    note: bytes
    at: datetime


def seal(db: psycopg.Connection, key: SigningKey, at_once: int = AT_ONCE, below: int | None = None) -> Sealed | None:
    """Seal up to about `at_once` entries in one transaction; None when there is nothing to seal.

    `below` is a horizon already known to be safe, in place of the oldest running transaction.
    """
    with db.transaction():
        last, size, peaks, horizon, is_home = _one(db, HORIZON)
        if not is_home:
            raise Foreign("sealed on another cluster: docs/ledger.md says what to do after a move or restore")
        upto = below or horizon
        upto = next(iter(db.execute(CUT, [last, upto, at_once]).fetchall()), [upto])[0]
        leaves = sorted(db.execute(LEAVES, [size, last, upto]).fetchall())
        if not leaves:
            return None
        frontier = Frontier(size, [bytes(peak) for peak in peaks]).extend(bytes(hash_) for _, hash_ in leaves)
        tree.keep_nodes(db, size, frontier.size)
        (at,) = _one(db, "SELECT clock_timestamp()")
        note = Checkpoint.sealed(key.verifier.name, frontier.size, frontier.root(), at).sign(key)
        db.execute(CHECKPOINT, [frontier.size, frontier.root(), note.decode(), at])
        db.execute(ADVANCE, [upto, frontier.size, frontier.peaks])
    return Sealed(size, frontier.size, note, at)


def _one(db: psycopg.Connection, query: str) -> tuple[Any, ...]:
    row = db.execute(query).fetchone()
    assert row is not None
    return tuple(row)
