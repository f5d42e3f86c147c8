"""Views and materialised views in a tenant's reach show nothing of a neighbour's rows."""

from typing import Any

from psycopg import Connection, sql

from lifecycle.provisioning.validation.database import attempt, become
from lifecycle.provisioning.validation.findings import Findings
from lifecycle.provisioning.validation.target import Binding

REACHABLE = """
SELECT n.nspname::text, c.relname::text,
       EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('v', 'm') AND n.nspname NOT IN ('pg_catalog', 'information_schema')
  AND has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT')
"""
Counts = dict[tuple[str, str], int]


def counts(db: Connection[Any], role: str) -> Counts:
    """Return how many rows the role sees in each view it may read; -1 where the view fails."""
    become(db, role)
    return {(schema, name): _count(db, schema, name) for schema, name, _ in db.execute(REACHABLE).fetchall()}


def judge(db: Connection[Any], found: Findings, binding: Binding, before: Counts) -> None:
    """Compare after the neighbour's rows came: on one snapshot, every further row in a view is one of theirs."""
    after = counts(db, binding.db_role)
    found.measured["views"] = [f"{schema}.{name}" for schema, name in after]
    owned = {(schema, name): owned for schema, name, owned in db.execute(REACHABLE).fetchall()}
    for (schema, name), number in after.items():
        view = f"{schema}.{name}"
        if number < 0 or before.get((schema, name), -1) < 0:
            found.unseen(f"view {view} could not be read")
            continue
        further = number - before[schema, name]
        others = _others(db, schema, name, binding) if owned[schema, name] else 0
        shown = max(further, others)
        found.expect(shown == 0, f"view {view} shows own rows only", f"view {view} shows {shown} rows of others")


def _count(db: Connection[Any], schema: str, name: str) -> int:
    answer = attempt(db, sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(schema, name)))
    return -1 if answer.state else int(answer.rows[0][0])


def _others(db: Connection[Any], schema: str, name: str, binding: Binding) -> int:
    asked = sql.SQL("SELECT count(*) FROM {} WHERE tenant_id IS DISTINCT FROM {}")
    answer = attempt(db, asked.format(sql.Identifier(schema, name), sql.Literal(binding.tenant_id)))
    return 0 if answer.state else int(answer.rows[0][0])
