"""Switches capture on: from here every change of the tenant's rows leaves its key behind."""

from typing import Any

from psycopg import Connection

from lifecycle.stores.errors import Permanent
from lifecycle.stores.postgres.connection import SYSTEM, connection, translated
from portal.lib.regions import Region

from .move import Move, fenced

LOCK = "SELECT pg_advisory_xact_lock(bw.fence_lock(%s))"
# One unbroken time of capture has one generation.
ARM = """
UPDATE bw.fence SET capture = true, generation = generation + 1, changed_at = clock_timestamp()
WHERE tenant_id = %s AND NOT capture
"""


def arm(move: Move) -> int:
    """Switch capture on at the source, if it is off; returns its generation.

    The tenant's lock is taken exclusively: a transaction that is already past its guard would be missed. Waits at most
    the connection's lock timeout, and then raises Transient: a writer's transaction is open for longer.
    """
    with translated("arm capture"), connection(move.source, "mover") as db, fenced(db, move, move.source):
        db.execute(LOCK, (move.tenant_id,))
        db.execute(ARM, (move.tenant_id,))
        return generation(db, move, move.source)


def generation(db: Connection[Any], move: Move, region: Region) -> int:
    """The generation of the capture that is on, as this transaction sees it; raises Permanent where it is off."""
    row = db.execute("SELECT capture, generation FROM bw.fence WHERE tenant_id = %s", (move.tenant_id,)).fetchone()
    if row is None or not row[0]:
        raise Permanent(SYSTEM, "capture", f"changes are not captured in {region.name}")
    return int(row[1])
