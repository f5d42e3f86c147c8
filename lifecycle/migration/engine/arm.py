"""Switches capture on: from here every change of the tenant's rows leaves its key behind."""

import time
from collections.abc import Callable
from typing import Any, TypeVar

from psycopg import Connection, errors

from lifecycle.stores.errors import Permanent, Transient
from lifecycle.stores.postgres.connection import SYSTEM, connection, translated
from lifecycle.stores.postgres.fences import LOCK
from portal.lib.regions import Region

from . import native, tables
from .move import NATIVE, Move, fenced

T = TypeVar("T")
PAUSE = 0.1  # seconds between tries, in which queued writers pass
HOLDERS = """
SELECT CASE WHEN l.pid IS NULL THEN 'the prepared transaction ' || coalesce(quote_literal(x.gid), '')
       ELSE concat('the transaction of ', a.usename, ' in process ', l.pid) END
FROM pg_locks l LEFT JOIN pg_stat_activity a ON a.pid = l.pid
LEFT JOIN pg_locks own ON l.pid IS NULL AND own.pid IS NULL AND own.locktype = 'transactionid'
  AND own.virtualtransaction = l.virtualtransaction
LEFT JOIN pg_prepared_xacts x ON x.transaction = own.transactionid
WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
  AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND (l.classid::bigint << 32 | l.objid::bigint) = bw.fence_lock(%s)
"""
# One unbroken time of capture has one generation.
ARM = """
UPDATE bw.fence
SET capture = true, generation = generation + 1, changed_at = clock_timestamp(), slot = %s, slot_since = NULL
WHERE tenant_id = %s AND NOT capture
"""


def arm(move: Move, tries: int = 100) -> int:
    """Switch capture on at the source, if it is off; returns its generation.

    The tenant's lock is taken exclusively: a transaction that is already past its guard would be missed. Writers queue
    behind that, so each try is short; after the last one Transient says that a writer's transaction stays open. A slot
    reads before that: nobody waits for it.
    """
    with translated("arm capture"):
        with connection(move.source, "mover") as db:
            tables.require_guards(tables.read(db), move.source)
        slot = None
        if _needs_slot(move):
            slot = native.make_ready(move, move.source)
            native.settled(move.source)
        return alone(move, lambda db: _arm(db, move, slot), tries)


def _needs_slot(move: Move) -> bool:
    """What captures by now goes on; a slot that was lost is said so here, and not in the middle of the copy."""
    if move.capture != NATIVE:
        return False
    native.collect(move.source, move.tenant_id)
    with connection(move.source, "mover") as db, fenced(db, move, move.source):
        return db.execute("SELECT FROM bw.fence WHERE tenant_id = %s AND capture", (move.tenant_id,)).fetchone() is None


def _arm(db: Connection[Any], move: Move, slot: str | None) -> int:
    db.execute(ARM, (slot, move.tenant_id))
    return generation(db, move, move.source)


def alone(move: Move, act: Callable[[Connection[Any]], T], tries: int = 100) -> T:
    """What `act` does at the source in one transaction without any writer of the tenant, who takes writes meanwhile.

    No try keeps writers waiting for longer than 100 ms; after the last one Transient names whose transaction is open.
    """
    with connection(move.source, "mover") as db:
        for last in (number == tries for number in range(1, tries + 1)):
            try:
                with fenced(db, move, move.source):
                    db.execute("SET LOCAL lock_timeout = '100ms'")
                    db.execute(LOCK, (move.tenant_id,))
                    return act(db)
            except errors.LockNotAvailable as error:
                if last:
                    said = f"open in {move.source.name}: {_holders(db, move) or 'it has just ended'}"
                    raise Transient(SYSTEM, "wait for the tenant's writers", said) from error
                time.sleep(PAUSE)
    raise AssertionError


def _holders(db: Connection[Any], move: Move) -> str:
    """Whose transactions keep the tenant's lock. One that was prepared has no process: somebody has to end it."""
    return ", ".join(said for (said,) in db.execute(HOLDERS, (move.tenant_id,)))


def generation(db: Connection[Any], move: Move, region: Region) -> int:
    """The generation of the capture that is on, as this transaction sees it; raises Permanent where it is off."""
    row = db.execute("SELECT capture, generation FROM bw.fence WHERE tenant_id = %s", (move.tenant_id,)).fetchone()
    if row is None or not row[0]:
        raise Permanent(SYSTEM, "capture", f"changes are not captured in {region.name}")
    return int(row[1])
