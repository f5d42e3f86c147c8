"""A tenant's rows in the shared tables: counted by the catalogue, deleted as the tenant itself, in batches."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from psycopg import Connection, sql

from lifecycle.stores.postgres import catalogue
from lifecycle.stores.postgres.connection import connection, translated
from lifecycle.stores.postgres.fences import require_job_epoch, require_no_hold
from portal.lib.regions import Region

BATCH = 5000


def count(region: Region, tenant_id: UUID, purpose: str = "observer") -> dict[str, int | None]:
    """Return the tenant's rows per table; None where a table cannot be counted by tenant, which is not zero."""
    with translated("count rows"), connection(region, purpose) as db:
        rows = db.execute("SELECT table_name, row_count FROM bw.tenant_row_counts(%s)", (tenant_id,)).fetchall()
    return {name: None if found is None else int(found) for name, found in rows}


def remove(
    region: Region,
    *,
    tenant_id: UUID,
    role: str,
    resource_class: str = "",
    epoch: int = 0,
    before_batch: Callable[[str, int], None] = lambda table, done: None,
) -> dict[str, int]:
    """Delete every row of the tenant, children first; return how many went, per table.

    Each batch is a transaction of its own which checks, in the store, the hold and (where a class is given) that no
    later job has taken over. `before_batch` is told the table and its count so far and may raise to stop.
    """
    gone: dict[str, int] = {}
    with translated("delete rows"), connection(region) as db:
        if not any(_counted(db, tenant_id).values()):
            return gone
        for table in catalogue.children_first(db):
            gone[table.name] = 0
            while True:
                before_batch(table.name, gone[table.name])
                with db.transaction():
                    require_no_hold(db, tenant_id)
                    if resource_class:
                        require_job_epoch(db, tenant_id, resource_class, epoch)
                    deleted = _delete_batch(db, role, table)
                gone[table.name] += deleted
                if deleted < BATCH:
                    break
    return {table: number for table, number in gone.items() if number}


def _counted(db: Connection[Any], tenant_id: UUID) -> dict[str, int]:
    rows = db.execute("SELECT table_name, row_count FROM bw.tenant_row_counts(%s)", (tenant_id,)).fetchall()
    return {row[0]: row[1] or 0 for row in rows}


def _delete_batch(db: Connection[Any], role: str, table: catalogue.Table) -> int:
    """Delete one batch as the tenant: row security, not our WHERE, decides whose rows these are.

    By their places: a plan by keys may read all of the tenant's rows for each, where the statistics know of few.
    """
    statement = sql.SQL("DELETE FROM {t} WHERE ctid = ANY (ARRAY(SELECT ctid FROM {t} LIMIT {n}))")
    with as_tenant(db, role):
        return db.execute(statement.format(t=table.identifier, n=sql.Literal(BATCH))).rowcount


@contextmanager
def as_tenant(db: Connection[Any], role: str) -> Iterator[None]:
    """Inside the block, which is in a transaction, the provisioner is the tenant and may no longer be it afterwards."""
    tenant, login = sql.Identifier(role), sql.SQL("CURRENT_USER")
    db.execute(sql.SQL("GRANT {} TO {} WITH SET TRUE, INHERIT FALSE").format(tenant, login))
    db.execute(sql.SQL("SET LOCAL ROLE {}").format(tenant))
    yield
    db.execute("RESET ROLE")
    db.execute(sql.SQL("REVOKE SET OPTION FOR {} FROM {}").format(tenant, login))
