"""One batch of rows, in one transaction of its own.

It takes the tenant's fence lock, asks in a new statement whether a hold stands, keeps the job's epoch where it is,
deletes, and writes down how far it came. So a hold that was placed before it stops it, a worker that was overtaken
commits nothing, and one that was killed leaves exactly what it had committed.
"""

from dataclasses import dataclass
from typing import Any

from psycopg import Connection, errors

from lifecycle.erasure.engine import statements
from lifecycle.erasure.engine.items import Progress
from lifecycle.erasure.engine.target import BATCH, Target
from lifecycle.stores.errors import Permanent
from lifecycle.stores.postgres.catalogue import Table
from lifecycle.stores.postgres.connection import SYSTEM, connection, translated
from lifecycle.stores.postgres.fences import require_job_epoch, require_no_hold
from portal.lib.regions import Region

CLAIM = "SELECT set_config('bw.erasure', %s, true), set_config('bw.erasure_epoch', %s, true)"
# By the keys' index, whatever the planner thinks of a list that it has no statistics of.
BY_INDEX = """
SET LOCAL enable_seqscan = off; SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off; SET LOCAL jit = off
"""
LOCKED = """
SELECT tenant_id, listed, passed, done, finished_at IS NOT NULL FROM bw.erasure_progress
WHERE request_id = %s AND system = %s FOR UPDATE
"""
PASSED = """
UPDATE bw.erasure_progress SET passed = %s, done = done + %s WHERE request_id = %s AND system = %s
RETURNING tenant_id, listed, passed, done, finished_at IS NOT NULL
"""
# As the platform counts a level, which is the sum of all days.
COUNT = """
INSERT INTO rag.usage_counters AS u (tenant_id, metric, day, slot, amount)
VALUES (%s, %s, (now() AT TIME ZONE 'UTC')::date, 0, %s)
ON CONFLICT (tenant_id, metric, day, slot) DO UPDATE SET amount = u.amount + excluded.amount
"""


@dataclass(frozen=True)
class Listed:
    """What was listed of one target in one system: its tables, each with the last number that it has in the list."""

    region: Region
    system: str
    target: Target
    tables: tuple[Table, ...]
    spans: tuple[tuple[Table, int], ...]

    def after(self, passed: int) -> tuple[Table, int]:
        """The table of the next batch, and its last number: a batch is of one table."""
        table, end = next(span for span in self.spans if span[1] > passed)
        return table, min(passed + BATCH, end)


def claim(db: Connection[Any], target: Target, system: str) -> Progress:
    """Say what the transaction works for, and keep its progress to this transaction until it ends."""
    db.execute(CLAIM, (str(target.request_id), str(target.epoch)))
    row = db.execute(LOCKED, (target.request_id, system)).fetchone()
    found = Progress(*row) if row else None
    if found is None or found.is_finished or found.tenant_id != target.tenant_id:
        raise Permanent(SYSTEM, "erase rows", f"request {target.request_id} is at work here no longer")
    return found


def delete(listed: Listed) -> Progress:
    """Delete the next batch; return how far the erasure is."""
    with translated("erase rows"):
        try:
            return _delete(listed, [])
        except errors.ForeignKeyViolation:  # one that nobody listed refers to a row of these: both stay, to be found
            return _delete(listed, list(listed.tables))


def _delete(listed: Listed, children: list[Table]) -> Progress:
    target, region, system = listed.target, listed.region, listed.system
    with connection(region, "eraser") as db, db.transaction():
        require_no_hold(db, target.tenant_id)
        require_job_epoch(db, target.tenant_id, target.resource, target.epoch)
        passed = claim(db, target, system).passed
        table, upto = listed.after(passed)
        arguments = {"tenant": target.tenant_id, "request": target.request_id, "system": system}
        arguments |= {"after": passed, "upto": upto}
        db.execute(BY_INDEX)
        went, size = db.execute(statements.deletion(table, children), arguments).fetchone() or (0, 0)
        stayed = 0
        if went < upto - passed:  # some were gone already, or refused to go
            stayed = (db.execute(statements.left(table), arguments).fetchone() or (0,))[0]
        _count(db, target, table, went, size)
        row = db.execute(PASSED, (upto, upto - passed - stayed, target.request_id, system)).fetchone()
        return Progress(*(row or ()))


def _count(db: Connection[Any], target: Target, table: Table, went: int, size: int) -> None:
    """Take what went off the tenant's levels; a whole tenant's end with it."""
    if target.is_whole_tenant or not went:
        return
    levels = {"documents": {"documents": -went, "bytes": -size}, "users": {"users": -went}}
    for metric, amount in levels.get(table.name, {}).items():
        db.execute(COUNT, (target.tenant_id, metric, amount))
