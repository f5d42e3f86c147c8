"""Row security is in force on every table, says exactly what it should, and nothing in a tenant's reach goes round it.

Read from the catalogue, because a mere row in pg_policies proves nothing: a policy may be disabled, unforced, widened
by a second one, or bypassed through a view, a function, an attribute of a role or the ownership of a table.
"""

from typing import Any

from psycopg import Connection

from lifecycle.provisioning.validation import reach, roles
from lifecycle.provisioning.validation.findings import Findings
from lifecycle.provisioning.validation.target import Target
from lifecycle.stores.postgres.connection import connection
from lifecycle.stores.postgres.row_security import OURS

OWNER = "rag_owner"
# Every table of rag and everything attached below one, in whatever schema it hides.
TABLES = """
WITH RECURSIVE ours AS (
    SELECT c.oid FROM pg_class c WHERE c.relnamespace = 'rag'::regnamespace AND c.relkind IN ('r', 'p', 'f')
    UNION
    SELECT i.inhrelid FROM pg_inherits i JOIN ours o ON o.oid = i.inhparent
)
SELECT c.oid::regclass::text, c.relkind::text, pg_get_userbyid(c.relowner)::text, c.relrowsecurity,
       c.relforcerowsecurity,
       coalesce((SELECT jsonb_agg(jsonb_build_object(
           'name', p.polname, 'permissive', p.polpermissive, 'command', p.polcmd,
           'roles', (SELECT jsonb_agg(CASE WHEN r.role = 0 THEN 'public' ELSE pg_get_userbyid(r.role)::text END)
                     FROM unnest(p.polroles) AS r(role)),
           'using', pg_get_expr(p.polqual, p.polrelid), 'check', pg_get_expr(p.polwithcheck, p.polrelid)))
        FROM pg_policy p WHERE p.polrelid = c.oid), '[]'),
       ARRAY(SELECT r.rulename::text FROM pg_rewrite r WHERE r.ev_class = c.oid)
FROM ours JOIN pg_class c ON c.oid = ours.oid
ORDER BY 1
"""


def run(target: Target, found: Findings) -> None:
    with connection(target.region, "observer") as db, db.transaction():
        _tables(db, found)
        roles.judge(db, target, found)
        reach.judge(db, target, found)


def _tables(db: Connection[Any], found: Findings) -> None:
    rows = db.execute(TABLES).fetchall()
    for name, kind, owner, enabled, forced, policies, rules in rows:
        complaints = [] if enabled else ["row security is off"]
        complaints += [] if forced else ["row security is not forced"]
        complaints += [] if kind != "f" else ["is a foreign table"]
        complaints += [] if owner == OWNER else [f"belongs to {owner}"]
        complaints += [f"has the rule {rule}" for rule in rules]
        complaints += _policies(policies)
        if complaints:
            found.wrong(f"{name}: {'; '.join(complaints)}")
        else:
            found.held(f"{name}: enabled, forced, exact")
    found.measured["tables"] = len(rows)
    found.headline = f"{len(rows)} tables and partitions enabled, forced and exact; nothing in reach goes round them"


def _policies(policies: list[dict[str, Any]]) -> list[str]:
    """Return what is not as it should be. A restrictive extra policy only narrows and is left alone."""
    by_name = {policy["name"]: policy for policy in policies}
    said = [f"policy {name} is missing" for name in OURS if name not in by_name]
    for name, policy in by_name.items():
        if name not in OURS and policy["permissive"]:
            said.append(f"extra permissive policy {name} for {', '.join(policy['roles'])} using {policy['using']}")
        elif name in OURS and policy != OURS[name]:
            said.append(f"policy {name} reads {policy['using']} / {policy['check']} for {', '.join(policy['roles'])}")
    return said
