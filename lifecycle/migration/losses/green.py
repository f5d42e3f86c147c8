"""A green that does not answer: whether it is so, what blue has of it, and that it is shut when it comes back."""

from datetime import datetime
from uuid import UUID

import structlog

from lifecycle.migration.engine import native
from lifecycle.stores.errors import Transient
from lifecycle.stores.postgres.connection import SYSTEM, prompt, translated
from lifecycle.stores.postgres.fences import LOCK
from portal.lib.regions import Region

log = structlog.get_logger(__name__)
WAITING = "SELECT count(*) FROM bw.dirty WHERE tenant_id = %s"
UNTIL = "SELECT at FROM bw.applied WHERE tenant_id = %s AND move_id = %s"
# Set if greater: what a later move opens has a later epoch, and is not shut by whoever slept.
CLOSE = """
UPDATE bw.fence SET state = 'closed', epoch = %(epoch)s, capture = false, changed_at = clock_timestamp()
WHERE tenant_id = %(tenant)s AND epoch < %(epoch)s
"""
FORGET = """
WITH closed AS (
    UPDATE bw.fence SET slot = NULL, slot_since = NULL WHERE tenant_id = %(tenant)s AND state = 'closed' AND NOT capture
    RETURNING tenant_id)
DELETE FROM bw.dirty d USING closed c WHERE d.tenant_id = c.tenant_id
"""


def is_silent(green: Region, tenant_id: UUID) -> bool:
    """True if the store does not answer soon. One that refuses is not silent."""
    try:
        _waiting(green, tenant_id)
    except Transient:
        return True
    return False


def blue_until(blue: Region, tenant_id: UUID, move_id: UUID) -> datetime | None:
    """Blue has what was committed on green before this moment; None where nothing was carried."""
    with translated("read what was carried"), prompt(blue, "mover") as db:
        row = db.execute(UNTIL, (tenant_id, move_id)).fetchone()
    return row[0] if row else None


def close(green: Region, tenant_id: UUID, epoch: int) -> int:
    """Shut the store for every epoch up to this one; returns how many writes it had that blue has not.

    Of a stream that is lost only those that were collected before. Repeated it returns the same, until `forget`. The
    writes stay in its rows until the copy is let go.
    """
    with translated("close a store that was given up"), prompt(green, "mover") as db, db.transaction():
        db.execute(LOCK, (tenant_id,))
        db.execute(CLOSE, {"tenant": tenant_id, "epoch": epoch})
        state = db.execute("SELECT state FROM bw.fence WHERE tenant_id = %s", (tenant_id,)).fetchone()
        if state and state[0] == "open":
            raise Transient(SYSTEM, "close", f"{green.name} is open at an epoch above {epoch}")
    try:
        native.collect(green, tenant_id)
    except native.Lost as lost:  # the way back is over, and what nobody can count must not hold up the next move
        log.warning("migration.writes_not_counted", tenant_id=str(tenant_id), error=str(lost))
    return _waiting(green, tenant_id)


def forget(green: Region, tenant_id: UUID) -> None:
    """Remove the keys of what was counted: in a store that is closed they are void, and they name people's rows."""
    with translated("empty a closed store"), prompt(green, "mover") as db, db.transaction():
        db.execute(LOCK, (tenant_id,))
        db.execute(FORGET, {"tenant": tenant_id})


def _waiting(green: Region, tenant_id: UUID) -> int:
    with translated("count what waits"), prompt(green, "mover") as db:
        row = db.execute(WAITING, (tenant_id,)).fetchone()
    return int(row[0]) if row else 0
