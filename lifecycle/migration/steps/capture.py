"""Reads and ends what a store has captured."""

from lifecycle.migration.engine.arm import LOCK
from lifecycle.migration.engine.move import Move, fenced
from lifecycle.migration.engine.switch import EMPTY
from lifecycle.stores.postgres.connection import connection, translated

WAITING = "SELECT count(*) FROM bw.dirty WHERE tenant_id = %s"
DISARM = "UPDATE bw.fence SET capture = false, changed_at = clock_timestamp() WHERE tenant_id = %s AND capture"


def waiting(move: Move) -> int:
    """Changes at the source that the target does not have yet."""
    with translated("count what waits"), connection(move.source, "mover") as db:
        row = db.execute(WAITING, (move.tenant_id,)).fetchone()
    return int(row[0]) if row else 0


def disarm(move: Move) -> None:
    """End capture at the source once nothing will be carried from it any more."""
    with translated("end capture"), connection(move.source, "mover") as db, fenced(db, move, move.source):
        db.execute(LOCK, (move.tenant_id,))
        if db.execute(DISARM, (move.tenant_id,)).rowcount:
            db.execute(EMPTY, (move.tenant_id,))
