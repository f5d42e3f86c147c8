"""Each way to break row security makes exactly the checks fail that look at it, and says what it saw."""

import pytest

from lifecycle.provisioning.validation import Target, verdict
from lifecycle.provisioning.validation.canary import canary_names
from tests.validation.conftest import Stand, failing, judged, words

BOTH = {"row_security", "tenant_isolation"}
ISOLATION = "(tenant_id = (SELECT bw.tenant_of(current_user)))"
LOOKED_AT = ("database_connection", "tenant_isolation", "row_security", "vectors", "cost_tags")

# name: (fault, mend, checks that fail, what one of them says). {role}, {part}: the tenant's; {canary}: its neighbour's.
FAULTS = {
    "leaky policy": (
        "ALTER POLICY tenant_isolation ON rag.documents USING (true)",
        f"ALTER POLICY tenant_isolation ON rag.documents USING {ISOLATION}",
        BOTH,
        "the tenant sees rows of others in rag.documents",
    ),
    "policy that lets rows be planted": (
        "ALTER POLICY tenant_isolation ON rag.users WITH CHECK (true)",
        f"ALTER POLICY tenant_isolation ON rag.users WITH CHECK {ISOLATION}",
        BOTH,
        "INSERT of a row for the canary into rag.users by the tenant was allowed",
    ),
    "policy on a free setting": (
        "ALTER POLICY tenant_isolation ON rag.api_keys USING (tenant_id::text = current_setting('app.t', true))",
        f"ALTER POLICY tenant_isolation ON rag.api_keys USING {ISOLATION}",
        BOTH,
        "policy tenant_isolation reads",
    ),
    "extra permissive policy": (
        "CREATE POLICY support ON rag.sessions FOR SELECT TO rag_tenant USING (true)",
        "DROP POLICY support ON rag.sessions",
        BOTH,
        "extra permissive policy support",
    ),
    "extra restrictive policy": (
        "CREATE POLICY narrower ON rag.sessions AS RESTRICTIVE FOR SELECT TO rag_tenant USING (true)",
        "DROP POLICY narrower ON rag.sessions",
        set(),
        "",
    ),
    "no policy at all": (
        "DROP POLICY tenant_isolation ON rag.chunks",
        f"CREATE POLICY tenant_isolation ON rag.chunks USING {ISOLATION} WITH CHECK {ISOLATION}",
        BOTH,
        "policy tenant_isolation is missing",
    ),
    "row security disabled": (
        "ALTER TABLE rag.query_history DISABLE ROW LEVEL SECURITY",
        "ALTER TABLE rag.query_history ENABLE ROW LEVEL SECURITY",
        BOTH,
        "rag.query_history: row security is off",
    ),
    "row security not forced": (
        "ALTER TABLE rag.chunks NO FORCE ROW LEVEL SECURITY",
        "ALTER TABLE rag.chunks FORCE ROW LEVEL SECURITY",
        {"row_security"},
        "rag.chunks: row security is not forced",
    ),
    "partition without row security": (
        "ALTER TABLE rag.{part} DISABLE ROW LEVEL SECURITY",
        "ALTER TABLE rag.{part} ENABLE ROW LEVEL SECURITY",
        {"row_security"},
        "row security is off",
    ),
    "new table that was forgotten": (
        ["CREATE TABLE rag.notes (tenant_id uuid PRIMARY KEY, body text NOT NULL)",
         "GRANT SELECT, INSERT, UPDATE, DELETE ON rag.notes TO rag_tenant"],
        "DROP TABLE rag.notes",
        BOTH,
        "rag.notes: row security is off",
    ),
    "table without a tenant": (
        ["CREATE TABLE rag.shared (id uuid PRIMARY KEY)", "GRANT SELECT ON rag.shared TO rag_tenant"],
        "DROP TABLE rag.shared",
        BOTH | {"database_connection"},
        "rag.shared has no tenant_id",
    ),
    "leaky view": (
        ["CREATE VIEW rag.all_documents AS SELECT * FROM rag.documents",
         "GRANT SELECT ON rag.all_documents TO rag_tenant"],
        "DROP VIEW rag.all_documents",
        BOTH,
        "view rag.all_documents",
    ),
    "leaky view without a tenant column": (
        ["CREATE VIEW public.titles AS SELECT title FROM rag.documents", "GRANT SELECT ON public.titles TO PUBLIC"],
        "DROP VIEW public.titles",
        BOTH,
        "view public.titles shows 1 rows of others",
    ),
    "view that reads as its caller": (
        ["CREATE VIEW rag.own_documents WITH (security_invoker = true) AS SELECT * FROM rag.documents",
         "GRANT SELECT ON rag.own_documents TO rag_tenant"],
        "DROP VIEW rag.own_documents",
        set(),
        "",
    ),
    "materialised view": (
        ["CREATE MATERIALIZED VIEW rag.titles AS SELECT title FROM rag.documents",
         "GRANT SELECT ON rag.titles TO rag_tenant"],
        "DROP MATERIALIZED VIEW rag.titles",
        {"row_security"},
        "materialised view rag.titles of postgres is in the tenant's reach",
    ),
    "copy in another schema": (
        ["CREATE TABLE public.documents_copy AS SELECT * FROM rag.documents",
         "GRANT SELECT ON public.documents_copy TO rag_tenant"],
        "DROP TABLE public.documents_copy",
        {"row_security"},
        "table documents_copy of postgres is in the tenant's reach",
    ),
    "function that runs as its owner": (
        "CREATE FUNCTION rag.peek() RETURNS SETOF rag.documents LANGUAGE sql SECURITY DEFINER"
        " AS 'SELECT * FROM rag.documents'",
        "DROP FUNCTION rag.peek()",
        {"row_security"},
        "function rag.peek() runs as postgres",
    ),
    "role above row security": (
        "ALTER ROLE {role} BYPASSRLS",
        "ALTER ROLE {role} NOBYPASSRLS",
        BOTH | {"vectors"},
        "has BYPASSRLS",
    ),
    "somebody else's role above row security": (
        "CREATE ROLE reporting LOGIN BYPASSRLS",
        "DROP ROLE reporting",
        {"row_security"},
        "role reporting has BYPASSRLS",
    ),
    "superuser role": (
        "ALTER ROLE {role} SUPERUSER",
        "ALTER ROLE {role} NOSUPERUSER",
        BOTH | {"vectors", "database_connection"},
        "has SUPERUSER",
    ),
    "role in another tenant's role": (
        "GRANT {canary} TO {role}",
        "REVOKE {canary} FROM {role}",
        {"row_security"},
        "is in rag_tenant, t_000000000000",
    ),
    "role inherited by the platform": (
        "GRANT {role} TO rag_platform WITH INHERIT TRUE",
        "GRANT {role} TO rag_platform WITH INHERIT FALSE",
        {"row_security"},
        "is inherited by rag_platform",
    ),
    "tenant role that owns a table": (
        "ALTER TABLE rag.document_outbox OWNER TO {role}",
        "ALTER TABLE rag.document_outbox OWNER TO rag_owner",
        {"row_security"},
        "belongs to t_",
    ),
    "role of two tenants": (
        "UPDATE bw.tenant_role SET tenant_id = gen_random_uuid() WHERE role_name = '{role}'",
        "UPDATE bw.tenant_role SET tenant_id = '{tenant}' WHERE role_name = '{role}'",
        BOTH | {"vectors"},
        "role and tenant are mapped as",
    ),
    "control tables within reach": (
        ["GRANT USAGE ON SCHEMA bw TO rag_tenant", "GRANT SELECT ON bw.tenant_role TO rag_tenant"],
        ["REVOKE SELECT ON bw.tenant_role FROM rag_tenant", "REVOKE USAGE ON SCHEMA bw FROM rag_tenant"],
        {"row_security", "database_connection"},
        "reading the control tables was allowed",
    ),
    "temporary tables": (
        ["GRANT TEMPORARY ON DATABASE rag TO rag_tenant", "ALTER EVENT TRIGGER bw_refuse_ddl DISABLE"],
        ["REVOKE TEMPORARY ON DATABASE rag FROM rag_tenant", "ALTER EVENT TRIGGER bw_refuse_ddl ENABLE ALWAYS"],
        {"database_connection"},
        "creating a temporary table was allowed",
    ),
    "a right that is missing": (
        "REVOKE UPDATE ON rag.api_keys FROM rag_tenant",
        "GRANT UPDATE ON rag.api_keys TO rag_tenant",
        {"database_connection"},
        "lacks UPDATE on rag.api_keys",
    ),
    "default vector partition": (
        ["CREATE TABLE rag.chunk_vectors_rest PARTITION OF rag.chunk_vectors DEFAULT",
         "ALTER TABLE rag.chunk_vectors_rest OWNER TO rag_owner", "SELECT bw.secure_table('chunk_vectors_rest')"],
        "DROP TABLE rag.chunk_vectors_rest",
        {"vectors"},
        "rag.chunk_vectors has a default partition",
    ),
    "vectors open to all": (
        "ALTER POLICY tenant_isolation ON rag.chunk_vectors USING (true)",
        f"ALTER POLICY tenant_isolation ON rag.chunk_vectors USING {ISOLATION}",
        BOTH | {"vectors"},
        "finds the canary's vector",
    ),
    "login with rights of its own": (
        ["GRANT USAGE ON SCHEMA rag TO bw_validator", "GRANT SELECT ON rag.documents TO bw_validator",
         "CREATE POLICY checker ON rag.documents TO bw_validator USING (true)"],
        ["DROP POLICY checker ON rag.documents", "REVOKE SELECT ON rag.documents FROM bw_validator",
         "REVOKE USAGE ON SCHEMA rag FROM bw_validator"],
        BOTH,
        "SELECT from rag.documents without a role was allowed",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_fault_is_found(stand: Stand, healthy: Target, name: str) -> None:
    fault, mend, expected, said = FAULTS[name]
    names = {
        "role": healthy.names.role,
        "part": healthy.names.partition,
        "canary": canary_names(stand.region.name).role,
        "tenant": healthy.tenant_id,
    }
    with stand.broken(*(_filled(statements, names) for statements in (fault, mend))):
        results = judged(healthy, *LOOKED_AT)
    assert failing(results) == expected, words(results)
    assert not expected or "fail" in {results[check].outcome for check in expected}, words(results)
    told = [*words(results).splitlines(), *(str(one.evidence.get("failed", "")) for one in results.values())]
    assert any(said in line for line in told), told
    if expected:
        assert verdict(results.values()).rule == "roll_back"


def _filled(statements: str | list[str], names: dict[str, object]) -> list[str]:
    return [one.format(**names) for one in ([statements] if isinstance(statements, str) else statements)]


def test_all_mended(stand: Stand, healthy: Target) -> None:
    results = judged(healthy, *LOOKED_AT)
    assert failing(results) == set(), words(results)


def test_foreign_rows_that_are_already_there_are_seen(stand: Stand, healthy: Target) -> None:
    """Not only the canary's: a leak shows the real neighbours' rows."""
    neighbour = stand.tenant()
    seed = f"INSERT INTO rag.users (tenant_id, id, email) VALUES ('{neighbour.tenant_id}', gen_random_uuid(), 'a@b.c')"
    leak = "CREATE POLICY support ON rag.users FOR SELECT USING (true)"
    with stand.broken([seed, leak], ["DROP POLICY support ON rag.users", "DELETE FROM rag.users"]):
        result = judged(healthy, "tenant_isolation")["tenant_isolation"]
    assert result.summary.startswith("the tenant sees rows of others in rag.users (2 tenants)"), result.summary
    assert str(neighbour.tenant_id) in result.evidence["affected_tenants"]


def test_a_large_tenant_is_checked_as_quickly(stand: Stand) -> None:
    """Nothing in the suite scans the tenant's rows: a nightly run over millions must not time out."""
    target = stand.tenant()
    seed = (
        f"INSERT INTO rag.query_history (tenant_id, id, q, k, created_at) SELECT '{target.tenant_id}',"
        " gen_random_uuid(), 'question', 5, now() - interval '30 days' FROM generate_series(1, 100000)"
    )
    full = f"UPDATE pg_class SET reltuples = 5000000 WHERE oid = 'rag.{target.names.partition}'::regclass"
    stand.superuser(seed, "ANALYZE rag.query_history", full)
    results = judged(target, "tenant_isolation", "vectors", "metrics")
    stand.superuser(f"DELETE FROM rag.query_history WHERE tenant_id = '{target.tenant_id}'")
    assert failing(results) == set(), words(results)
    assert results["vectors"].evidence["searched"] == "the two vectors of this check"
    assert results["tenant_isolation"].seconds < 2.5 and results["vectors"].seconds < 2.5, words(results)
