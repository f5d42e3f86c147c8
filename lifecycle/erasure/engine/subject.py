"""A person's fence in a region's store: while it stands, nothing of them is written, by anybody but the mover."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import Connection

from lifecycle.erasure.engine.target import Target
from lifecycle.stores.errors import Permanent
from lifecycle.stores.postgres.connection import SYSTEM, connection, translated
from lifecycle.stores.postgres.fences import LOCK
from portal.lib.regions import Region

PLACE = "INSERT INTO bw.subject_fence (tenant_id, user_id, request_id) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING"
# A writer whose snapshot is older than the person's fence fails on the tenant's: the guard locks that row.
TOUCH = "UPDATE bw.fence SET changed_at = changed_at WHERE tenant_id = %s"
LIFT = "DELETE FROM bw.subject_fence WHERE tenant_id = %s AND user_id = %s AND request_id = %s"
READ = "SELECT request_id, placed_at FROM bw.subject_fence WHERE tenant_id = %s AND user_id = %s"
OWNED = "SELECT id FROM rag.documents WHERE tenant_id = %s AND owner_user_id = %s ORDER BY id"
# Noted by the platform to be deleted, their rows gone or never there: whose they were nobody knows any more.
PROMISED = """
SELECT o.document_id, bool_or(o.created_at > now() - make_interval(secs => %(stale)s)) FROM rag.document_outbox o
WHERE o.tenant_id = %(tenant)s AND o.action <> 'upsert_vectors' AND o.created_at <= %(by)s AND NOT EXISTS (
    SELECT FROM rag.documents d WHERE d.tenant_id = o.tenant_id AND d.id = o.document_id)
GROUP BY o.document_id ORDER BY o.document_id
"""
STALE = 60  # seconds; as ragplatform/outbox.py: an upload under way has such a note, too, and is over by then


@dataclass(frozen=True)
class SubjectFence:
    """By which request the person is fenced, and since when by the store's clock."""

    request_id: UUID
    placed_at: datetime


def fence(region: Region, target: Target) -> SubjectFence:
    """Fence the target's person unless somebody has; return whose fence it is.

    Every write that was let through before has ended when this returns: the lock waits for them.
    """
    person = _person(target)
    with translated("INSERT bw.subject_fence"), connection(region) as db, db.transaction():
        db.execute(LOCK, (target.tenant_id,))
        db.execute(PLACE, (target.tenant_id, person, target.request_id))
        db.execute(TOUCH, (target.tenant_id,))
        found = _read(db, target.tenant_id, person)
    assert found is not None
    return found


def lift(region: Region, target: Target) -> bool:
    """Take down the fence of this request; false where there is none, or it is another's."""
    with translated("DELETE bw.subject_fence"), connection(region) as db, db.transaction():
        db.execute(LOCK, (target.tenant_id,))
        return db.execute(LIFT, (target.tenant_id, _person(target), target.request_id)).rowcount == 1


def read(region: Region, tenant_id: UUID, user_id: UUID) -> SubjectFence | None:
    """Return the person's fence, or None."""
    with translated("read bw.subject_fence"), connection(region) as db:
        return _read(db, tenant_id, user_id)


def documents_of(region: Region, tenant_id: UUID, user_id: UUID) -> tuple[UUID, ...]:
    """Return the documents that the person owns here, whatever state this store is in."""
    with translated("read rag.documents"), connection(region, "verifier") as db:
        return tuple(row[0] for row in db.execute(OWNED, (tenant_id, user_id)).fetchall())


@dataclass(frozen=True)
class Promised:
    """Documents whose deletion the platform has noted and not done. `are_young`: one of them may be an upload still."""

    documents: tuple[UUID, ...]
    are_young: bool


def promised(region: Region, tenant_id: UUID, by: datetime) -> Promised:
    """Return what the platform had promised by then to delete in stores that have no part in its transactions."""
    with translated("read rag.document_outbox"), connection(region, "verifier") as db:
        rows = db.execute(PROMISED, {"tenant": tenant_id, "by": by, "stale": STALE}).fetchall()
    return Promised(tuple(row[0] for row in rows), any(row[1] for row in rows))


def _person(target: Target) -> UUID:
    if target.user_id is None:
        raise Permanent(SYSTEM, "fence", "the erasure concerns no person")
    return target.user_id


def _read(db: Connection[Any], tenant_id: UUID, user_id: UUID) -> SubjectFence | None:
    row = db.execute(READ, (tenant_id, user_id)).fetchone()
    return None if row is None else SubjectFence(*row)
