"""Switches capture on: from here every change of the tenant's rows leaves its key behind."""

import time
from typing import Any

from psycopg import Connection, errors

from lifecycle.stores.errors import Permanent
from lifecycle.stores.postgres.connection import SYSTEM, connection, translated
from portal.lib.regions import Region

from .move import Move, fenced

PAUSE = 0.1  # seconds between tries, in which queued writers pass
LOCK = "SELECT pg_advisory_xact_lock(bw.fence_lock(%s))"
# One unbroken time of capture has one generation.
ARM = """
UPDATE bw.fence SET capture = true, generation = generation + 1, changed_at = clock_timestamp()
WHERE tenant_id = %s AND NOT capture
"""


def arm(move: Move, tries: int = 100) -> int:
    """Switch capture on at the source, if it is off; returns its generation.

    The tenant's lock is taken exclusively: a transaction that is already past its guard would be missed. Writers queue
    behind that, so each try is short; after the last one Transient says that a writer's transaction stays open.
    """
    with translated("arm capture"), connection(move.source, "mover") as db:
        for last in (number == tries for number in range(1, tries + 1)):
            try:
                return _arm(db, move)
            except errors.LockNotAvailable:
                if last:
                    raise
                time.sleep(PAUSE)
    raise AssertionError


def _arm(db: Connection[Any], move: Move) -> int:
    with fenced(db, move, move.source):
        db.execute("SET LOCAL lock_timeout = '100ms'")
        db.execute(LOCK, (move.tenant_id,))
        db.execute(ARM, (move.tenant_id,))
        return generation(db, move, move.source)


def generation(db: Connection[Any], move: Move, region: Region) -> int:
    """The generation of the capture that is on, as this transaction sees it; raises Permanent where it is off."""
    row = db.execute("SELECT capture, generation FROM bw.fence WHERE tenant_id = %s", (move.tenant_id,)).fetchone()
    if row is None or not row[0]:
        raise Permanent(SYSTEM, "capture", f"changes are not captured in {region.name}")
    return int(row[1])
