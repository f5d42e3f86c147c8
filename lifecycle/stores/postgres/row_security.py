"""Row security of the shared tables: enabled, forced, and nothing but our policies. Shared, so never removed."""

from dataclasses import dataclass
from typing import Any

from lifecycle.stores.errors import Permanent
from lifecycle.stores.postgres.connection import SYSTEM, connection, translated
from portal.lib.regions import Region


def _policy(name: str, command: str, role: str, using: str, check: str | None) -> dict[str, Any]:
    return {"name": name, "permissive": True, "command": command, "roles": [role], "using": using, "check": check}


ISOLATION = "(tenant_id = ( SELECT bw.tenant_of(CURRENT_USER) AS tenant_of))"
ERASURE = "(tenant_id = ( SELECT bw.erasing_tenant() AS erasing_tenant))"
# bw_counter is nobody's login and owns nothing but the function that counts rows; bw_eraser has the tenant of the
# running erasure that its transaction names.
OURS = {
    "erasure": _policy("erasure", "*", "bw_eraser", ERASURE, ERASURE),
    "residue_count": _policy("residue_count", "r", "bw_counter", "true", None),
    "tenant_isolation": _policy("tenant_isolation", "*", "public", ISOLATION, ISOLATION),
}


@dataclass(frozen=True)
class RowSecurityState:
    """Row security of one table as it is. `policies` are the catalogue's rows, by name."""

    table: str
    enabled: bool
    forced: bool
    policies: tuple[dict[str, Any], ...]


def ensure(region: Region, table: str) -> RowSecurityState:
    """Leave the table enabled, forced and with our policies alone; touches nothing where it already is."""
    with translated(f"secure rag.{table}"), connection(region) as db:
        db.execute("SELECT bw.secure_table(%s)", (table,))
    state = read(region, table)
    if state is None:
        raise Permanent(SYSTEM, "row security", f"rag.{table} is not there")
    return state


def read(region: Region, table: str) -> RowSecurityState | None:
    """Return what is in force on the table, or None where there is no such table."""
    with translated(f"read row security of rag.{table}"), connection(region) as db:
        row = db.execute(
            "SELECT enabled, forced, policies FROM bw.row_security WHERE table_name = %s", (table,)
        ).fetchone()
    return None if row is None else RowSecurityState(table, row[0], row[1], tuple(row[2]))


def tables(region: Region) -> list[str]:
    """Return every table of schema rag that is not a partition, from the catalogue."""
    with translated("list tables of rag"), connection(region) as db:
        rows = db.execute("SELECT table_name FROM bw.row_security WHERE NOT is_partition ORDER BY 1").fetchall()
    return [row[0] for row in rows]


def deviations(state: RowSecurityState) -> list[str]:
    """Return what lets a tenant see more than its own, in words."""
    found = [] if state.enabled else ["row security is off"]
    if not state.forced:
        found.append("row security is not forced")
    names = [str(policy["name"]) for policy in state.policies]
    found += [f"policy {name} is missing" for name in OURS if name not in names]
    found += [f"policy {name} is not ours" for name in names if name not in OURS]
    for policy in state.policies:
        name, using, check = policy["name"], policy["using"], policy["check"]
        if policy != OURS.get(name, policy):
            found.append(f"policy {name} reads {using} / {check}")
    return found
