"""Whose rows a role can see, found by jumping along the key: as quick in a table of millions as in an empty one."""

from typing import Any
from uuid import UUID

from psycopg import Connection, sql

from lifecycle.provisioning.validation.canary import is_canary
from lifecycle.provisioning.validation.database import attempt
from lifecycle.provisioning.validation.findings import Findings
from lifecycle.provisioning.validation.rows import Table

MOST = 1000
TENANTS = sql.SQL("""
WITH RECURSIVE seen(tenant_id) AS (
    (SELECT tenant_id FROM {table} ORDER BY tenant_id LIMIT 1)
    UNION ALL
    SELECT (SELECT next.tenant_id FROM {table} next WHERE next.tenant_id > seen.tenant_id
            ORDER BY next.tenant_id LIMIT 1)
    FROM seen WHERE seen.tenant_id IS NOT NULL
)
SELECT tenant_id FROM seen WHERE tenant_id IS NOT NULL LIMIT {most}
""")


def judge(db: Connection[Any], found: Findings, table: Table, own: UUID, who: str) -> bool:
    """Note whether the present role sees rows of others among all there are; return whether it sees its own."""
    name = f"rag.{table.name}"
    answer = attempt(db, TENANTS.format(table=table.identifier, most=sql.Literal(MOST)))
    if answer.state:
        found.unseen(f"the {who} could not SELECT from {name}: {answer.state} {answer.words}")
        return False
    seen = {row[0] for row in answer.rows}
    others = seen - {own}
    right = f"SELECT from {name} by the {who}: its own rows only"
    found.expect(not others, right, f"the {who} sees rows of others in {name} ({len(others)} tenants)")
    _expose(found, others)
    return own in seen


def _expose(found: Findings, others: set[UUID]) -> None:
    """Name those whose rows are exposed: a breach asks for notices to them."""
    exposed = {str(tenant_id) for tenant_id in others if not is_canary(tenant_id)}
    if exposed:
        known = set(found.measured.get("affected_tenants", []))
        found.measured["affected_tenants"] = sorted(known | exposed)
