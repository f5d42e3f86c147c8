"""A tenant's control rows in a region: its fence and its hold fence. Their values belong to others; here they exist."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg import Connection

from lifecycle.stores.errors import Held, Permanent
from lifecycle.stores.postgres.connection import SYSTEM, connection, translated
from portal.lib.regions import Region

# Whoever sleeps with it, or is reached by no packet any more, keeps the tenant's writers waiting so long and no longer.
LOCK = """
SELECT set_config('idle_in_transaction_session_timeout', '2s', true), pg_advisory_xact_lock(bw.fence_lock(%s))
"""
REMOVE = (
    "DELETE FROM bw.fence WHERE tenant_id = %s",
    "DELETE FROM bw.hold_fence WHERE tenant_id = %s",
    "DELETE FROM bw.job_epoch WHERE tenant_id = %s",
    "DELETE FROM bw.subject_fence WHERE tenant_id = %s",
    "DELETE FROM bw.refused_attempt WHERE tenant_id = %s",
)
KNOWN = """
SELECT EXISTS (SELECT FROM bw.fence WHERE tenant_id = %(t)s)
    OR EXISTS (SELECT FROM bw.hold_fence WHERE tenant_id = %(t)s)
"""
SUBJECTS = "SELECT user_id, request_id FROM bw.subject_fence WHERE tenant_id = %s"
FENCE_SUBJECT = (
    "INSERT INTO bw.subject_fence (tenant_id, user_id, request_id) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING"
)
KEPT = """
SELECT coalesce((SELECT state FROM bw.hold_fence WHERE tenant_id = %(t)s),
                (SELECT 'held' FROM bw.fence WHERE tenant_id = %(t)s), 'clear') <> 'clear'
"""


@dataclass(frozen=True)
class FenceState:
    """The control rows as they are. A missing hold row counts as held."""

    state: str
    epoch: int
    suspended: bool
    status_version: int
    has_hold_row: bool
    held: bool


def ensure(region: Region, *, tenant_id: UUID, state: str) -> FenceState:
    """Make the missing rows: a new fence begins in `state` and clear of holds; existing rows are left as they are."""
    with translated("INSERT bw.fence"), connection(region) as db, db.transaction():
        db.execute("INSERT INTO bw.fence (tenant_id, state) VALUES (%s, %s) ON CONFLICT DO NOTHING", (tenant_id, state))
        db.execute(
            "INSERT INTO bw.hold_fence (tenant_id, state) VALUES (%s, 'clear') ON CONFLICT DO NOTHING", (tenant_id,)
        )
        found = _read(db, tenant_id)
    assert found is not None
    return found


def read(region: Region, tenant_id: UUID) -> FenceState | None:
    """Return the tenant's control rows, or None where it has no fence."""
    with translated("read bw.fence"), connection(region) as db:
        return _read(db, tenant_id)


def captures(region: Region, tenant_id: UUID) -> bool:
    """Whether the store notes what changes, to be carried elsewhere."""
    with translated("read bw.fence"), connection(region) as db:
        row = db.execute("SELECT capture FROM bw.fence WHERE tenant_id = %s", (tenant_id,)).fetchone()
        return bool(row and row[0])


def set_state(region: Region, tenant_id: UUID, state: str) -> bool:
    """Open, fence or close the tenant's writes in this region; false where it has no fence."""
    with translated("UPDATE bw.fence"), connection(region) as db:
        changed = db.execute("UPDATE bw.fence SET state = %s WHERE tenant_id = %s", (state, tenant_id))
        return changed.rowcount == 1


def set_suspended(region: Region, tenant_id: UUID, suspended: bool, status_version: int) -> bool:
    """Record the tenant's suspension if this version is newer than the store's; false when it was not.

    Every write that was let through before has ended when this returns: the lock waits for them.
    """
    with translated("UPDATE bw.fence"), connection(region) as db, db.transaction():
        db.execute(LOCK, (tenant_id,))
        changed = db.execute(
            "UPDATE bw.fence SET suspended = %s, status_version = %s WHERE tenant_id = %s AND status_version < %s",
            (suspended, status_version, tenant_id, status_version),
        )
        return changed.rowcount == 1


def set_hold(region: Region, tenant_id: UUID, is_held: bool, hold_version: int) -> bool:
    """Place or lift the tenant's hold if this version is newer than the store's; false when it was not.

    Every destructive statement that was let through before has ended when this returns: the lock waits for them.
    """
    state = "held" if is_held else "clear"
    with translated("bw.set_hold"), connection(region, "keeper") as db:
        row = db.execute("SELECT bw.set_hold(%s, %s, %s)", (tenant_id, state, hold_version)).fetchone()
        return row is not None and row[0] == hold_version


def hold_of(region: Region, tenant_id: UUID) -> tuple[bool, int]:
    """Whether the store holds the tenant, and at which version; one without a word on it does, at version -1."""
    with translated("read bw.hold_fence"), connection(region) as db:
        row = db.execute("SELECT state, hold_version FROM bw.hold_fence WHERE tenant_id = %s", (tenant_id,)).fetchone()
    return (True, -1) if row is None else (row[0] == "held", int(row[1]))


def knows(region: Region, tenant_id: UUID) -> bool:
    """Whether the store has a fence or a hold row of the tenant."""
    with translated("read bw.fence"), connection(region) as db:
        row = db.execute(KNOWN, {"t": tenant_id}).fetchone()
        return bool(row and row[0])


def refuse_held(region: Region, tenant_id: UUID, operation: str) -> None:
    """Raise Held if the region's own word is that the tenant is kept; asked right before what cannot be taken back.

    Other systems of the region have no transactions, so this is how the hold reaches them. A store that does not
    answer raises as well. One with nothing of the tenant has let go of it under no hold, or never had it.
    """
    with translated("read bw.hold_fence"), connection(region) as db:
        row = db.execute(KEPT, {"t": tenant_id}).fetchone()
    if row and row[0]:
        raise Held(SYSTEM, operation, f"tenant {tenant_id} is under a legal hold")


def bring_subjects(source: Region, target: Region, tenant_id: UUID) -> None:
    """Fence in the target whoever of the tenant is fenced in the source; every write before has ended then."""
    with translated("bring bw.subject_fence"), connection(source) as here, connection(target) as there:
        people = here.execute(SUBJECTS, (tenant_id,)).fetchall()
        with there.transaction():
            there.execute(LOCK, (tenant_id,))
            for one in people:
                there.execute(FENCE_SUBJECT, (tenant_id, *one))


@contextmanager
def unheld(region: Region, tenant_id: UUID) -> Iterator[None]:
    """Inside, the tenant is under no hold, and who places one waits; for one call of a store without transactions.

    A call that takes longer than the transaction may idle (LIMITS) is no longer waited for.
    """
    with translated("read bw.hold_fence"), connection(region) as db, db.transaction():
        require_no_hold(db, tenant_id)
        yield


def raise_job_epoch(region: Region, tenant_id: UUID, resource_class: str, epoch: int) -> int:
    """Raise the store's epoch of this kind of job; return the one in force, higher when a later job was here."""
    with translated("bw.raise_job_epoch"), connection(region) as db:
        row = db.execute("SELECT bw.raise_job_epoch(%s, %s, %s)", (tenant_id, resource_class, epoch)).fetchone()
        assert row is not None
        return int(row[0])


def remove(region: Region, tenant_id: UUID) -> bool:
    """Remove the tenant's control rows; true when there were any. Refused for a held tenant."""
    with translated("DELETE bw.fence"), connection(region) as db, db.transaction():
        require_no_hold(db, tenant_id)
        gone = [db.execute(statement, (tenant_id,)).rowcount for statement in REMOVE]
        return any(gone)


def require_no_hold(db: Connection[Any], tenant_id: UUID) -> None:
    """Raise Held when the store says that the tenant is under a legal hold, or has no word on it. Holds until commit.

    The lock is the guard's own, taken first as it takes it: who places a hold waits for this transaction.
    """
    db.execute("SELECT pg_advisory_xact_lock_shared(bw.fence_lock(%s))", (tenant_id,))
    row = db.execute(KEPT, {"t": tenant_id}).fetchone()
    if row and row[0]:
        raise Held(SYSTEM, "hold", f"tenant {tenant_id} is under a legal hold")


def require_job_epoch(db: Connection[Any], tenant_id: UUID, resource_class: str, epoch: int) -> None:
    """Raise Permanent unless the store is at this job's epoch. Holds until commit: who takes over waits for it."""
    row = db.execute(
        "SELECT epoch FROM bw.job_epoch WHERE tenant_id = %s AND resource_class = %s FOR SHARE",
        (tenant_id, resource_class),
    ).fetchone()
    if row is None or row[0] != epoch:
        raise Permanent(SYSTEM, "job epoch", f"the store is at {row[0] if row else None}, this job at {epoch}")


def _read(db: Connection[Any], tenant_id: UUID) -> FenceState | None:
    row = db.execute(
        "SELECT f.state, f.epoch, f.suspended, f.status_version,"
        " h.state IS NOT NULL, coalesce(h.state, 'held') = 'held'"
        " FROM bw.fence f LEFT JOIN bw.hold_fence h USING (tenant_id) WHERE f.tenant_id = %s",
        (tenant_id,),
    ).fetchone()
    return None if row is None else FenceState(*row)
