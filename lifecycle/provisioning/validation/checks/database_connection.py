"""The tenant's role can be taken by the validator's login, does its work, and can do nothing else."""

from typing import Any

from psycopg import Connection, sql

from lifecycle.provisioning.validation import transport
from lifecycle.provisioning.validation.database import attempt, become, dry_run, note_refusal
from lifecycle.provisioning.validation.findings import CouldNotRun, Findings
from lifecycle.provisioning.validation.target import Target

OLDEST = 150000
WORK = ("SELECT", "INSERT", "UPDATE", "DELETE")
RIGHTS = """
SELECT c.relname::text, array_remove(ARRAY[
    CASE WHEN has_table_privilege(c.oid, 'SELECT') THEN 'SELECT' END,
    CASE WHEN has_table_privilege(c.oid, 'INSERT') THEN 'INSERT' END,
    CASE WHEN has_table_privilege(c.oid, 'UPDATE') THEN 'UPDATE' END,
    CASE WHEN has_table_privilege(c.oid, 'DELETE') THEN 'DELETE' END], NULL)
FROM pg_class c
WHERE c.relnamespace = 'rag'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
  AND c.relname NOT LIKE 'chunk\\_vectors\\_%'
ORDER BY 1
"""
# Each is tried in a savepoint and must be refused for want of rights.
FORBIDDEN = {
    "creating a table in rag": sql.SQL("CREATE TABLE rag.bw_validation (x int)"),
    "creating a table in public": sql.SQL("CREATE TABLE public.bw_validation (x int)"),
    "creating a temporary table": sql.SQL("CREATE TEMP TABLE bw_validation (x int)"),
    "creating a schema": sql.SQL("CREATE SCHEMA bw_validation"),
    "creating a role": sql.SQL("CREATE ROLE bw_validation"),
    "switching row security off": sql.SQL("ALTER TABLE rag.documents DISABLE ROW LEVEL SECURITY"),
    "truncating a shared table": sql.SQL("TRUNCATE rag.document_outbox"),
    "reading the control tables": sql.SQL("SELECT * FROM bw.tenant_role"),
    "reading password hashes": sql.SQL("SELECT * FROM pg_authid"),
    "reading the server's files": sql.SQL("SELECT pg_read_file('postgresql.conf')"),
    "running a program": sql.SQL("COPY (SELECT 1) TO PROGRAM 'true'"),
    "becoming the owner of the tables": sql.SQL("SET LOCAL ROLE rag_owner"),
}


def run(target: Target, found: Findings) -> None:
    with dry_run(target.region) as db:
        _connection(target, found, db)
        become(db, target.binding.db_role)
        _identity(target, found, db)
        _rights(found, db)
        for what, statement in FORBIDDEN.items():
            note_refusal(found, what, attempt(db, statement))
    cache = target.region.cache
    transport.path(target, found, "cache", False, cache.host)


def _connection(target: Target, found: Findings, db: Connection[Any]) -> None:
    info = db.info
    transport.path(target, found, "database", bool(db.pgconn.ssl_in_use), info.host)
    version = info.server_version
    found.measured |= {
        "server": f"{info.host}:{info.port}/{info.dbname}",
        "server_version": info.parameter_status("server_version") or str(version),
        "login": info.user,
    }
    found.expect(version >= OLDEST, "server is recent enough", f"PostgreSQL {version} is older than 15")


def _identity(target: Target, found: Findings, db: Connection[Any]) -> None:
    row = db.execute("SELECT current_user::text, session_user::text").fetchone()
    if row is None or row[0] != target.binding.db_role:
        raise CouldNotRun(f"the role {target.binding.db_role} could not be taken")
    found.measured["role"] = row[0]
    found.headline = f"{row[1]} works as {row[0]}, PostgreSQL {found.measured['server_version']}"


def _rights(found: Findings, db: Connection[Any]) -> None:
    rights = {name: list(granted) for name, granted in db.execute(RIGHTS).fetchall()}
    found.measured["rights"] = rights
    for table, granted in rights.items():
        missing = [verb for verb in WORK if verb not in granted]
        found.expect(not missing, f"may work on rag.{table}", f"lacks {', '.join(missing)} on rag.{table}")
