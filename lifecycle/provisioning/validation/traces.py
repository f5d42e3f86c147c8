"""What calls to the platform leave in the tenant's stores, taken back and read again: nothing of ours stays counted.

Log lines stay: they say truly that a validation was here, and hold ids only.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any
from uuid import UUID

from psycopg import Connection

from lifecycle.provisioning.validation import versions
from lifecycle.provisioning.validation.cache import login
from lifecycle.provisioning.validation.database import become
from lifecycle.provisioning.validation.findings import Findings
from lifecycle.provisioning.validation.platform_api import MARK, seeded_id
from lifecycle.provisioning.validation.target import Target
from lifecycle.stores.postgres import fences
from lifecycle.stores.postgres.connection import connection

SLOTS = 16
# A week back, along the index: a busy tenant's whole history would take longer than a transaction may.
FORGET_QUESTIONS = """
DELETE FROM rag.query_history
WHERE tenant_id = %s AND starts_with(q, %s) AND created_at > now() - interval '7 days'
RETURNING id, (created_at AT TIME ZONE 'UTC')::date, round(took_ms * 1000)::bigint
"""
# Children first: the shared tables have no cascading keys.
FORGET_PARTS = (
    "DELETE FROM rag.access_controls WHERE tenant_id = %s AND document_id = %s",
    "DELETE FROM rag.chunk_vectors WHERE tenant_id = %s AND document_id = %s",
    "DELETE FROM rag.chunks WHERE tenant_id = %s AND document_id = %s",
)
FORGET_DOCUMENT = """
DELETE FROM rag.documents WHERE tenant_id = %s AND id = %s
RETURNING bytes, (created_at AT TIME ZONE 'UTC')::date
"""
FORGET_VECTORS = """
INSERT INTO rag.document_outbox (tenant_id, id, document_id, action)
VALUES (%s, gen_random_uuid(), %s, 'delete_vectors')
"""
UNCOUNT = """
INSERT INTO rag.usage_counters AS u (tenant_id, metric, day, slot, amount) VALUES (%s, %s, %s, %s, %s)
ON CONFLICT (tenant_id, metric, day, slot) DO UPDATE SET amount = u.amount + excluded.amount
"""
# A counter that somebody holds is in use and may stay at nought.
ZERO = """
DELETE FROM rag.usage_counters WHERE (tenant_id, metric, day, slot) IN (
    SELECT tenant_id, metric, day, slot FROM rag.usage_counters WHERE tenant_id = %s AND amount = 0
    FOR UPDATE SKIP LOCKED)
"""
QUESTIONS_LEFT = """
SELECT count(*) FROM rag.query_history
WHERE tenant_id = %s AND starts_with(q, %s) AND created_at > now() - interval '7 days'
"""
DOCUMENTS_LEFT = "SELECT count(*) FROM rag.documents WHERE tenant_id = %s AND id = %s"


def mark(check: str) -> str:
    """How a question of this check begins."""
    return f"{MARK} {check} "


def forget_questions(target: Target, found: Findings, check: str) -> None:
    """Remove the questions this check asked, in this run or a killed one, and give the day's allowance back."""
    if _is_retained(target, found):
        return
    with _as_tenant(target) as db:
        rows = db.execute(FORGET_QUESTIONS, (target.tenant_id, mark(check))).fetchall()
        gone: list[tuple[UUID, date, int]] = rows
        # the platform spreads its counters by the question's id; sorted, so that two at once never deadlock
        slots = Counter((day, question.int % SLOTS) for question, day, _ in gone)
        computed: Counter[tuple[date, int]] = Counter()
        for question, day, microseconds in gone:
            computed[day, question.int % SLOTS] += microseconds
        for place, number in sorted(slots.items()):
            for metric, amount in (("queries", number), ("compute_us", computed[place])):  # in the platform's own order
                db.execute(UNCOUNT, (target.tenant_id, metric, *place, -amount))
        db.execute(ZERO, (target.tenant_id,))
    _uncount_cached(target, Counter(day for _, day, _ in gone))
    left = _count(target, QUESTIONS_LEFT, mark(check))
    found.expect(left == 0, "own questions removed", f"{left} questions of the check are left", "compliance")


def forget_document(target: Target, found: Findings) -> None:
    """Remove the suite's document where it is still there, and every version of its object."""
    if _is_retained(target, found):
        return
    document_id = seeded_id(target.tenant_id)
    with _as_tenant(target) as db:
        for statement in FORGET_PARTS:
            db.execute(statement, (target.tenant_id, document_id))
        for size, day in db.execute(FORGET_DOCUMENT, (target.tenant_id, document_id)).fetchall():
            for metric, amount in (("documents", 1), ("bytes", size)):  # in the platform's own order
                db.execute(UNCOUNT, (target.tenant_id, metric, day, 0, -amount))
            if target.binding.vector.provider != "pgvector":
                db.execute(FORGET_VECTORS, (target.tenant_id, document_id))
        db.execute(ZERO, (target.tenant_id,))
    versions_left = versions.purge(target.region, target.binding.bucket, f"shared/documents/{document_id}/")
    rows_left = _count(target, DOCUMENTS_LEFT, document_id)
    found.expect(
        not (versions_left or rows_left),
        "own document removed from every store",
        f"left behind: {rows_left} documents, {versions_left} object versions",
        "compliance",
    )


def _is_retained(target: Target, found: Findings) -> bool:
    """True under a legal hold, which the suite does not get past either: what it left is removed by a later run."""
    held, _version = fences.hold_of(target.region, target.tenant_id)
    if held:
        found.held("what it left is retained with everything else of this tenant")
    return held


def _uncount_cached(target: Target, days: Counter[date]) -> None:
    """Take the questions off the cached count of the day. One that is not there is made anew from the rows."""
    with login(target.region, target.binding) as cache:
        for day, number in days.items():
            key = f"{target.binding.cache_prefix}queries:{day:%Y-%m-%d}"
            if cache.exists(key):
                cache.decrby(key, number)


def _count(target: Target, question: str, value: object) -> int:
    with _as_tenant(target) as db:
        row = db.execute(question, (target.tenant_id, value)).fetchone()
    return int(row[0]) if row else 0


@contextmanager
def _as_tenant(target: Target) -> Iterator[Connection[Any]]:
    with connection(target.region, "validator") as db, db.transaction():
        become(db, target.binding.db_role)
        yield db
