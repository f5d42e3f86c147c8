"""A tenant's rows in the shared tables: counted by the catalogue, deleted as the tenant itself, in batches."""

from collections.abc import Callable
from graphlib import TopologicalSorter
from typing import Any
from uuid import UUID

from psycopg import Connection, sql

from lifecycle.stores.errors import Permanent
from lifecycle.stores.postgres.connection import SYSTEM, connection, translated
from lifecycle.stores.postgres.fences import require_no_hold
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
        for table, key in _children_first(db):
            gone[table] = 0
            while True:
                before_batch(table, gone[table])
                with db.transaction():
                    require_no_hold(db, tenant_id)
                    _require_epoch(db, tenant_id, resource_class, epoch)
                    deleted = _delete_batch(db, role, table, key)
                gone[table] += deleted
                if deleted < BATCH:
                    break
    return {table: number for table, number in gone.items() if number}


def _counted(db: Connection[Any], tenant_id: UUID) -> dict[str, int]:
    rows = db.execute("SELECT table_name, row_count FROM bw.tenant_row_counts(%s)", (tenant_id,)).fetchall()
    return {row[0]: row[1] or 0 for row in rows}


def _delete_batch(db: Connection[Any], role: str, table: str, key: list[str]) -> int:
    """Delete one batch as the tenant: row security, not our WHERE, decides whose rows these are."""
    login = sql.SQL("CURRENT_USER")
    tenant = sql.Identifier(role)
    db.execute(sql.SQL("GRANT {} TO {} WITH SET TRUE, INHERIT FALSE").format(tenant, login))
    db.execute(sql.SQL("SET LOCAL ROLE {}").format(tenant))
    columns = sql.SQL(", ").join(map(sql.Identifier, key))
    statement = sql.SQL("DELETE FROM rag.{t} WHERE ({k}) IN (SELECT {k} FROM rag.{t} LIMIT {n})")
    deleted = db.execute(statement.format(t=sql.Identifier(table), k=columns, n=sql.Literal(BATCH))).rowcount
    db.execute("RESET ROLE")
    db.execute(sql.SQL("REVOKE SET OPTION FOR {} FROM {}").format(tenant, login))
    return deleted


def _require_epoch(db: Connection[Any], tenant_id: UUID, resource_class: str, epoch: int) -> None:
    if not resource_class:
        return
    row = db.execute(
        "SELECT epoch FROM bw.job_epoch WHERE tenant_id = %s AND resource_class = %s FOR SHARE",
        (tenant_id, resource_class),
    ).fetchone()
    if row is None or row[0] != epoch:
        raise Permanent(SYSTEM, "job epoch", f"the store is at {row[0] if row else None}, this job at {epoch}")


TABLES = """
SELECT c.relname::text,
       ARRAY(SELECT a.attname::text FROM pg_index i JOIN pg_attribute a ON a.attrelid = c.oid
             AND a.attnum = ANY(i.indkey) WHERE i.indrelid = c.oid AND i.indisprimary ORDER BY a.attnum),
       ARRAY(SELECT DISTINCT p.relname::text FROM pg_constraint f JOIN pg_class p ON p.oid = f.confrelid
             WHERE f.conrelid = c.oid AND f.contype = 'f' AND f.confrelid <> c.oid)
FROM pg_class c
WHERE c.relnamespace = 'rag'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
  AND EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped)
  AND c.relname NOT LIKE 'chunk\\_vectors\\_%'
"""


def _children_first(db: Connection[Any]) -> list[tuple[str, list[str]]]:
    """Return the tables with a tenant column and their keys, from the catalogue, referencing ones first."""
    found = {name: (key, parents) for name, key, parents in db.execute(TABLES).fetchall()}
    parents_first = TopologicalSorter({name: parents for name, (_, parents) in found.items()}).static_order()
    return [(name, found[name][0]) for name in reversed(list(parents_first)) if name in found]
