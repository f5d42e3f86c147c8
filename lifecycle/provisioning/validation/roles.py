"""No role a tenant can act as is above row security, and the map from role to tenant is right."""

from typing import Any

from psycopg import Connection

from lifecycle.provisioning.validation.findings import Findings
from lifecycle.provisioning.validation.target import Target

# The two that may bypass row security do so by design and log in nowhere on behalf of a tenant.
MAY_BYPASS = ("bw_mover", "bw_verifier")
OURS = (
    *("rag_owner", "rag_tenant", "rag_platform", "bw_guard", "bw_counter"),
    *("bw_validator", "bw_observer", "bw_provisioner", "bw_eraser", "bw_keeper"),
)
GROUP = "rag_tenant"
ABOVE = """
SELECT rolname::text, CASE WHEN rolsuper THEN 'SUPERUSER' ELSE 'BYPASSRLS' END
FROM pg_roles
WHERE (rolbypassrls AND NOT rolsuper AND rolname <> ALL(%(may)s))
   OR (rolsuper AND (rolname = ANY(%(ours)s) OR rolname IN (SELECT role_name FROM bw.tenant_role)))
ORDER BY 1
"""
TENANT_ROLE = """
SELECT array_remove(ARRAY[
           CASE WHEN rolcanlogin THEN 'LOGIN' END, CASE WHEN rolcreaterole THEN 'CREATEROLE' END,
           CASE WHEN rolcreatedb THEN 'CREATEDB' END, CASE WHEN rolreplication THEN 'REPLICATION' END], NULL),
       ARRAY(SELECT g.rolname::text FROM pg_auth_members a JOIN pg_roles g ON g.oid = a.roleid
             WHERE a.member = r.oid ORDER BY 1),
       ARRAY(SELECT m.rolname::text FROM pg_auth_members a JOIN pg_roles m ON m.oid = a.member
             WHERE a.roleid = r.oid AND (a.inherit_option OR m.rolname IN (SELECT role_name FROM bw.tenant_role))
             ORDER BY 1),
       ARRAY(SELECT c.oid::regclass::text FROM pg_class c WHERE c.relowner = r.oid ORDER BY 1)
FROM pg_roles r WHERE rolname = %s
"""
GROUP_MEMBERSHIPS = """
SELECT g.rolname::text FROM pg_auth_members a JOIN pg_roles g ON g.oid = a.roleid
JOIN pg_roles m ON m.oid = a.member WHERE m.rolname = %s
"""
MAPPED = "SELECT role_name::text, tenant_id FROM bw.tenant_role WHERE role_name = %s OR tenant_id = %s"
LIES = "SELECT role_name::text FROM bw.tenant_role WHERE bw.tenant_of(role_name) IS DISTINCT FROM tenant_id LIMIT 5"
STRANGERS = "SELECT bw.tenant_of('rag_platform'), bw.tenant_of('bw_validator'), bw.tenant_of('rag_owner')"
FUNCTION = """
SELECT p.prosecdef, pg_get_userbyid(p.proowner)::text, coalesce(p.proconfig, '{}')
FROM pg_proc p WHERE p.oid = 'bw.tenant_of(name)'::regprocedure
"""


def judge(db: Connection[Any], target: Target, found: Findings) -> None:
    """Note every way in which a role stands above the policies."""
    above = db.execute(ABOVE, {"may": list(MAY_BYPASS), "ours": list(OURS)}).fetchall()
    for role, power in above:
        found.wrong(f"role {role} has {power}")
    if not above:
        found.held("no role of ours or of a tenant is SUPERUSER or BYPASSRLS")
    _tenant_role(db, target.binding.db_role, found)
    _group(db, found)
    _map(db, target, found)


def _tenant_role(db: Connection[Any], role: str, found: Findings) -> None:
    row = db.execute(TENANT_ROLE, (role,)).fetchone()
    if row is None:
        found.wrong(f"role {role} does not exist")
        return
    powers, groups, inherited_by, owned = row
    found.expect(not powers, f"{role} has no power of its own", f"{role} has {', '.join(powers)}")
    found.expect(groups == [GROUP], f"{role} is in {GROUP} alone", f"{role} is in {', '.join(groups) or 'no group'}")
    found.expect(not inherited_by, f"nobody inherits {role}", f"{role} is inherited by {', '.join(inherited_by)}")
    found.expect(not owned, f"{role} owns nothing", f"{role} owns {', '.join(owned[:5])}")


def _group(db: Connection[Any], found: Findings) -> None:
    upwards = [row[0] for row in db.execute(GROUP_MEMBERSHIPS, (GROUP,)).fetchall()]
    found.expect(not upwards, f"{GROUP} is in no other group", f"{GROUP} is in {', '.join(upwards)}")


def _map(db: Connection[Any], target: Target, found: Findings) -> None:
    """The policies ask bw.tenant_of: it must answer truly for every role, and nothing for a role without a tenant."""
    mapped = db.execute(MAPPED, (target.binding.db_role, target.tenant_id)).fetchall()
    right = [(target.binding.db_role, target.tenant_id)]
    found.expect(mapped == right, "role and tenant are mapped one to one", f"role and tenant are mapped as {mapped}")
    lies = [row[0] for row in db.execute(LIES).fetchall()]
    found.expect(not lies, "bw.tenant_of answers truly", f"bw.tenant_of answers wrongly for {', '.join(lies)}")
    strangers = db.execute(STRANGERS).fetchone() or ()
    found.expect(
        not any(strangers), "a role without a tenant has none", "bw.tenant_of gives a tenant to a role that has none"
    )
    definer, owner, config = db.execute(FUNCTION).fetchone() or (False, "nobody", [])
    safe = definer and owner == "bw_guard" and any(one.startswith("search_path=") for one in config)
    found.expect(safe, "bw.tenant_of is the guard's", f"bw.tenant_of belongs to {owner}, definer {definer}, {config}")
