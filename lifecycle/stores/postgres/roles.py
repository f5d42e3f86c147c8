"""A tenant's role: what its rows answer to. Nobody logs in with it; the platform takes it with SET LOCAL ROLE."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg import Connection, sql

from lifecycle.stores.errors import ForeignResource
from lifecycle.stores.postgres.connection import SYSTEM, connection, translated
from portal.lib.regions import Region

GROUP = "rag_tenant"
LOGINS = ("rag_platform", "bw_validator")


@dataclass(frozen=True)
class RoleState:
    """A role as it is. `settable_by` are the logins that can take it; `powers` should be empty."""

    role: str
    tenant_id: UUID | None
    settable_by: tuple[str, ...]
    inherited_by: tuple[str, ...]
    member_of: tuple[str, ...]
    powers: tuple[str, ...]


def ensure(region: Region, *, role: str, tenant_id: UUID, tenant_name: str) -> RoleState:
    """Make the role, its mapping to the tenant and its memberships, in one transaction."""
    name = sql.Identifier(role)
    with translated(f"CREATE ROLE {role}"), connection(region) as db, db.transaction():
        owner = _mapped(db, role)
        if owner not in (None, tenant_id):
            raise ForeignResource(SYSTEM, "adopt", f"role {role} belongs to tenant {owner}")
        if not _exists(db, role):
            db.execute(sql.SQL("CREATE ROLE {} NOLOGIN").format(name))
        if owner is None:
            db.execute("INSERT INTO bw.tenant_role VALUES (%s, %s, %s)", (role, tenant_id, tenant_name))
        db.execute(
            sql.SQL("GRANT {} TO {} WITH INHERIT TRUE, SET FALSE, ADMIN FALSE").format(sql.Identifier(GROUP), name)
        )
        for login in LOGINS:
            db.execute(
                sql.SQL("GRANT {} TO {} WITH INHERIT FALSE, SET TRUE, ADMIN FALSE").format(name, sql.Identifier(login))
            )
        found = _read(db, role)
    assert found is not None
    return found


def read(region: Region, role: str) -> RoleState | None:
    """Return the role as it really is, or None."""
    with translated(f"read role {role}"), connection(region) as db:
        return _read(db, role)


def remove(region: Region, role: str, tenant_id: UUID) -> bool:
    """Drop the tenant's role and its mapping; true when either was there. Refuses while the role owns anything."""
    with translated(f"DROP ROLE {role}"), connection(region) as db, db.transaction():
        owner = _mapped(db, role)
        if owner not in (None, tenant_id):
            raise ForeignResource(SYSTEM, "remove", f"role {role} belongs to tenant {owner}")
        mapped = db.execute("DELETE FROM bw.tenant_role WHERE role_name = %s", (role,)).rowcount
        exists = _exists(db, role)
        if exists:
            db.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(role)))
        return bool(mapped or exists)


def deviations(state: RoleState, tenant_id: UUID) -> list[str]:
    """Return what is not as `ensure` leaves it, in words."""
    found = [f"has {power}" for power in state.powers]
    if state.tenant_id != tenant_id:
        found.append(f"is mapped to tenant {state.tenant_id}")
    found += [f"cannot be taken by {login}" for login in LOGINS if login not in state.settable_by]
    found += [f"is inherited by {login}" for login in state.inherited_by]
    if state.member_of != (GROUP,):
        found.append(f"is a member of {', '.join(state.member_of) or 'nothing'}")
    return found


def _exists(db: Connection[Any], role: str) -> bool:
    return db.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (role,)).fetchone() is not None


def _mapped(db: Connection[Any], role: str) -> UUID | None:
    row = db.execute("SELECT tenant_id FROM bw.tenant_role WHERE role_name = %s", (role,)).fetchone()
    return row[0] if row else None


READ = """
SELECT (SELECT tenant_id FROM bw.tenant_role WHERE role_name = r.rolname),
       ARRAY(SELECT DISTINCT m.rolname::text FROM pg_auth_members a JOIN pg_roles m ON m.oid = a.member
             WHERE a.roleid = r.oid AND a.set_option ORDER BY 1),
       ARRAY(SELECT DISTINCT m.rolname::text FROM pg_auth_members a JOIN pg_roles m ON m.oid = a.member
             WHERE a.roleid = r.oid AND a.inherit_option ORDER BY 1),
       ARRAY(SELECT DISTINCT g.rolname::text FROM pg_auth_members a JOIN pg_roles g ON g.oid = a.roleid
             WHERE a.member = r.oid ORDER BY 1),
       array_remove(ARRAY[CASE WHEN rolsuper THEN 'SUPERUSER' END, CASE WHEN rolbypassrls THEN 'BYPASSRLS' END,
             CASE WHEN rolcanlogin THEN 'LOGIN' END, CASE WHEN rolcreaterole THEN 'CREATEROLE' END,
             CASE WHEN rolcreatedb THEN 'CREATEDB' END, CASE WHEN rolreplication THEN 'REPLICATION' END], NULL)
FROM pg_roles r WHERE rolname = %s
"""


def _read(db: Connection[Any], role: str) -> RoleState | None:
    row = db.execute(READ, (role,)).fetchone()
    if row is None:
        return None
    return RoleState(role, row[0], tuple(row[1]), tuple(row[2]), tuple(row[3]), tuple(row[4]))
