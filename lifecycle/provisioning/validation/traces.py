"""What calls to the platform leave in the tenant's stores, taken back and read again: nothing of ours stays counted.

Log lines stay: they say truly that a validation was here, and hold ids only.
"""

from collections import Counter
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
from lifecycle.stores.postgres.connection import connection

SLOTS = 16
FORGET = """
DELETE FROM rag.query_history WHERE tenant_id = %s AND starts_with(q, %s)
RETURNING id, (created_at AT TIME ZONE 'UTC')::date
"""
UNCOUNT = """
INSERT INTO rag.usage_counters AS u (tenant_id, metric, day, slot, amount) VALUES (%s, 'queries', %s, %s, %s)
ON CONFLICT (tenant_id, metric, day, slot) DO UPDATE SET amount = u.amount + excluded.amount
"""
ZERO = "DELETE FROM rag.usage_counters WHERE tenant_id = %s AND amount = 0"
LEFT = """
SELECT (SELECT count(*) FROM rag.query_history WHERE tenant_id = %(tenant)s AND starts_with(q, %(mark)s)),
       (SELECT count(*) FROM rag.documents WHERE tenant_id = %(tenant)s AND id = %(document)s)
"""


def mark(check: str) -> str:
    """How a question of this check begins."""
    return f"{MARK} {check} "


def sweep(target: Target, found: Findings, check: str) -> None:
    """Remove the questions this check asked, in this run or a killed one, and the objects of its document."""
    days = _forget(target, mark(check))
    _uncount_cached(target, days)
    prefix = f"shared/documents/{seeded_id(target.tenant_id)}/"
    left = versions.purge(target.region, target.binding.bucket, prefix)
    with connection(target.region, "validator") as db, db.transaction():
        become(db, target.binding.db_role)
        asked = {"tenant": target.tenant_id, "mark": mark(check), "document": seeded_id(target.tenant_id)}
        rows, documents = db.execute(LEFT, asked).fetchone() or (1, 1)
    clean = not (left or rows or documents)
    found.expect(
        clean,
        "own questions, document and object versions removed",
        f"left behind: {rows} questions, {documents} documents, {left} object versions",
        "compliance",
    )


def _forget(target: Target, words: str) -> Counter[date]:
    """Delete the questions and take them off the usage; return how many there were per day."""
    with connection(target.region, "validator") as db, db.transaction():
        become(db, target.binding.db_role)
        gone: list[tuple[UUID, date]] = db.execute(FORGET, (target.tenant_id, words)).fetchall()
        _uncount(db, target.tenant_id, gone)
        db.execute(ZERO, (target.tenant_id,))
    return Counter(day for _, day in gone)


def _uncount(db: Connection[Any], tenant_id: UUID, gone: list[tuple[UUID, date]]) -> None:
    """The platform spreads its counter by the question's id; sorted, so that two at once never deadlock."""
    slots = Counter((day, question.int % SLOTS) for question, day in gone)
    for (day, slot), number in sorted(slots.items()):
        db.execute(UNCOUNT, (tenant_id, day, slot, -number))


def _uncount_cached(target: Target, days: Counter[date]) -> None:
    """Give the day's allowance back. A counter that is not there is made anew from the rows."""
    with login(target.region, target.binding) as cache:
        for day, number in days.items():
            key = f"{target.binding.cache_prefix}queries:{day:%Y-%m-%d}"
            if cache.exists(key):
                cache.decrby(key, number)
