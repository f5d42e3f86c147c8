"""Reads and ends what a store has captured."""

from typing import Any

from psycopg import Connection

from lifecycle.migration.engine import native
from lifecycle.migration.engine.arm import alone
from lifecycle.migration.engine.move import Move
from lifecycle.migration.engine.switch import EMPTY
from lifecycle.stores.postgres.connection import connection, translated

WAITING = "SELECT count(*) FROM bw.dirty WHERE tenant_id = %s"
ROUNDS = "SELECT count(*) FROM bw.move_round WHERE move_id = %s AND source = %s"
DISARM = """
UPDATE bw.fence SET capture = false, slot = NULL, slot_since = NULL, changed_at = clock_timestamp()
WHERE tenant_id = %s AND capture
"""


def waiting(move: Move) -> int:
    """Changes at the source that the target does not have yet."""
    with translated("count what waits"), connection(move.source, "mover") as db:
        native.collect(move.source, move.tenant_id)
        row = db.execute(WAITING, (move.tenant_id,)).fetchone()
    return int(row[0]) if row else 0


def rounds_of(move: Move) -> int:
    """Rounds that carried something to the target, those of the verification and of the switch among them."""
    with translated("count rounds"), connection(move.target, "mover") as db:
        row = db.execute(ROUNDS, (move.id, move.source.name)).fetchone()
    return int(row[0]) if row else 0


def disarm(move: Move) -> None:
    """End capture at the source once nothing will be carried from it any more."""
    with translated("end capture"):
        alone(move, lambda db: _disarm(db, move))
        native.drop(move, move.source)


def _disarm(db: Connection[Any], move: Move) -> None:
    if db.execute(DISARM, (move.tenant_id,)).rowcount:
        db.execute(EMPTY, (move.tenant_id,))
