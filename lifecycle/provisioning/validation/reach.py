"""What a tenant's role can reach besides the shared tables: views, functions and tables that go round row security."""

from typing import Any

from psycopg import Connection

from lifecycle.provisioning.validation.findings import Findings
from lifecycle.provisioning.validation.target import Target

KINDS = {"v": "view", "m": "materialised view", "f": "foreign table", "r": "table", "p": "table"}
RELATIONS = """
SELECT c.oid::regclass::text, c.relkind::text, n.nspname::text, pg_get_userbyid(c.relowner)::text,
       coalesce(EXISTS (SELECT FROM pg_options_to_table(c.reloptions) o
                        WHERE o.option_name = 'security_invoker' AND o.option_value IN ('true', 'on', '1')), false)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')
  AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg\\_%%'
  AND has_schema_privilege(%(role)s, n.oid, 'USAGE')
  AND (has_any_column_privilege(%(role)s, c.oid, 'SELECT')
       OR has_table_privilege(%(role)s, c.oid, 'INSERT, UPDATE, DELETE'))
ORDER BY 1
"""
# A trigger's function cannot be called, and EXECUTE on it gives nothing.
FUNCTIONS = """
SELECT p.oid::regprocedure::text, pg_get_userbyid(p.proowner)::text
FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE p.prosecdef AND p.prorettype NOT IN ('trigger'::regtype, 'event_trigger'::regtype)
  AND n.nspname NOT IN ('pg_catalog', 'information_schema')
  AND has_schema_privilege(%(role)s, n.oid, 'USAGE') AND has_function_privilege(%(role)s, p.oid, 'EXECUTE')
ORDER BY 1
"""


def judge(db: Connection[Any], target: Target, found: Findings) -> None:
    """Note everything in reach through which another tenant's rows could be read or written."""
    asked = {"role": target.binding.db_role}
    for name, kind, schema, owner, as_invoker in db.execute(RELATIONS, asked).fetchall():
        if kind in "rp" and schema == "rag":
            continue  # judged table by table
        if kind == "v" and as_invoker:
            found.held(f"view {name} reads as its caller")
        else:
            why = "reads as its owner" if kind == "v" else "has no row security of ours"
            found.wrong(f"{KINDS[kind]} {name} of {owner} is in the tenant's reach and {why}")
    functions = db.execute(FUNCTIONS, asked).fetchall()
    for name, owner in functions:
        found.wrong(f"function {name} runs as {owner} and is in the tenant's reach")
    if not functions:
        found.held("no function in reach runs as somebody else")
