"""The store itself keeps tenants apart, whatever the platform in front of it does."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import errors, sql

from lifecycle.stores.postgres import row_security
from portal.embedded.stack import Stack
from portal.lib.regions import Region
from tests.ragplatform.conftest import ROOT, Tenant
from tests.routed import routed

Connection = psycopg.Connection[Any]


@contextmanager
def as_role(region: Region, role: str = "", login: str = "platform") -> Iterator[Connection]:
    """A transaction that is rolled back, as the login and perhaps as a tenant."""
    with psycopg.connect(**routed(region, login)) as connection:
        if role:
            connection.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(role)))
        yield connection
        connection.rollback()


def as_tenant(tenant: Tenant) -> Any:
    return as_role(tenant.platform.region, tenant.binding.db_role)


def superuser(stack: Stack, region: Region) -> Connection:
    return psycopg.connect(**stack.superuser_kwargs(region.name), autocommit=True)


def row_of(table: str, tenant_id: UUID) -> dict[str, Any]:
    """A row every table takes, with the parents it needs left to `seed`."""
    user, document = uuid4(), uuid4()
    rows: dict[str, dict[str, Any]] = {
        "users": {"id": user, "email": f"{user}@example.org"},
        "documents": {"id": document, "title": "t"},
        "chunks": {"document_id": document, "ordinal": 0, "body": "b"},
        "chunk_vectors": {"document_id": document, "ordinal": 0, "embedding": str([0.5] * 256)},
        "sessions": {"id": uuid4(), "user_id": user, "token_sha256": str(uuid4()), "expires_at": "2030-01-01"},
        "query_history": {"id": uuid4(), "q": "q", "k": 1},
        "access_controls": {"id": uuid4(), "document_id": document},
        "api_keys": {"id": uuid4(), "name": "n", "key_sha256": str(uuid4())},
        "usage_counters": {"metric": str(uuid4()), "day": "2026-01-01"},
        "usage_reports": {"metric": str(uuid4()), "day": "2026-01-01", "number": 1, "amount": 1},
        "budgets": {"id": uuid4(), "name": "n", "opening": 1, "tokens": 1},
        "budget_transfers": {"id": uuid4(), "payer_id": uuid4(), "payee_id": uuid4(), "tokens": 1},
        "document_outbox": {"id": uuid4(), "document_id": document, "action": "delete_object"},
    }
    return {"tenant_id": tenant_id, **rows[table]}


def insert(connection: Connection, table: str, row: dict[str, Any]) -> None:
    for column, parent_table in PARENTS.get(table, {}).items():
        parent = row_of(parent_table, row["tenant_id"]) | {"id": row[column]}
        insert(connection, parent_table, parent)
    statement = sql.SQL("INSERT INTO rag.{} ({}) VALUES ({})").format(
        sql.Identifier(table),
        sql.SQL(", ").join(map(sql.Identifier, row)),
        sql.SQL(", ").join(sql.Placeholder() * len(row)),
    )
    connection.execute(statement, list(row.values()))


PARENTS = {
    "chunks": {"document_id": "documents"},
    "access_controls": {"document_id": "documents"},
    "sessions": {"user_id": "users"},
    "budget_transfers": {"payer_id": "budgets", "payee_id": "budgets"},
}
TABLES = [
    "users", "documents", "chunks", "chunk_vectors", "sessions", "query_history", "access_controls", "api_keys",
    "usage_counters", "usage_reports", "document_outbox", "budgets", "budget_transfers",
]  # fmt: skip


def test_every_table_of_rag_is_listed_and_secured(stack: Stack, region: Region, acme: Tenant) -> None:
    with superuser(stack, region) as db:
        rows = db.execute("SELECT table_name, is_partition, enabled, forced, policies FROM bw.row_security").fetchall()
    assert sorted(name for name, is_partition, *_ in rows if not is_partition) == sorted(TABLES)
    assert any(is_partition for _, is_partition, *_ in rows)
    for name, _, enabled, forced, policies in rows:
        assert enabled, name
        assert forced, name
        isolation = [policy for policy in policies if policy["roles"] == ["public"]]
        assert [policy["name"] for policy in isolation] == ["tenant_isolation"], name
        assert "bw.tenant_of(CURRENT_USER)" in isolation[0]["using"]
        assert isolation[0]["using"] == isolation[0]["check"]
        assert isolation[0]["command"] == "*"
        assert {policy["roles"][0] for policy in policies} == {"public", "bw_counter", "bw_eraser"}, name


def test_keys_begin_with_the_tenant_and_nothing_counts_or_cascades(stack: Stack, region: Region) -> None:
    with superuser(stack, region) as db:
        keys = db.execute(
            "SELECT conrelid::regclass::text, conname, contype, confdeltype, confupdtype,"
            " (SELECT attname FROM pg_attribute WHERE attrelid = conrelid AND attnum = conkey[1])"
            " FROM pg_constraint WHERE connamespace = 'rag'::regnamespace AND contype IN ('p', 'u', 'f')"
        ).fetchall()
        sequences = db.execute(
            "SELECT count(*) FROM pg_class WHERE relkind = 'S' AND relnamespace = 'rag'::regnamespace"
        )
        assert sequences.fetchone() == (0,)
    assert keys
    for table, name, kind, on_delete, on_update, first in keys:
        assert first == "tenant_id", (table, name)
        assert kind != "f" or (on_delete, on_update) == ("a", "a"), (table, name)


def test_only_the_mover_and_the_verifier_bypass_row_security(stack: Stack, region: Region) -> None:
    with superuser(stack, region) as db:
        found = db.execute("SELECT rolname FROM pg_roles WHERE (rolbypassrls OR rolsuper) AND rolname <> 'postgres'")
        assert sorted(found.fetchall()) == [("bw_mover",), ("bw_verifier",)]
        members = db.execute(
            "SELECT member::regrole::text, set_option, inherit_option FROM pg_auth_members"
            " WHERE roleid::regrole::text LIKE 't\\_%' AND member = 'rag_platform'::regrole"
        ).fetchall()
    assert members
    assert {(can_set, inherits) for _, can_set, inherits in members} == {(True, False)}


@pytest.mark.parametrize("table", TABLES)
def test_two_tenants_cannot_reach_each_other(acme: Tenant, globex: Tenant, table: str) -> None:
    for owner, intruder in ((acme, globex), (globex, acme)):
        row = row_of(table, owner.id)
        with psycopg.connect(**routed(owner.platform.region)) as connection:
            be(connection, owner)
            insert(connection, table, row)
            assert rows_of(connection, table, owner.id) > 0, "the owner sees the row it wrote"
            be(connection, intruder)
            assert rows_of(connection, table, owner.id) == 0, "SELECT"
            table_name = sql.Identifier(table)
            for verb, statement in {
                "UPDATE": sql.SQL("UPDATE rag.{} SET tenant_id = tenant_id WHERE tenant_id = %s"),
                "DELETE": sql.SQL("DELETE FROM rag.{} WHERE tenant_id = %s"),
            }.items():
                assert connection.execute(statement.format(table_name), (owner.id,)).rowcount == 0, verb
            with pytest.raises(errors.InsufficientPrivilege), connection.transaction():
                insert(connection, table, row_of(table, owner.id))
            connection.rollback()


def be(connection: Connection, tenant: Tenant) -> None:
    connection.execute("RESET ROLE")
    connection.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(tenant.binding.db_role)))


def rows_of(connection: Connection, table: str, tenant_id: UUID) -> int:
    statement = sql.SQL("SELECT count(*) FROM rag.{} WHERE tenant_id = %s").format(sql.Identifier(table))
    found = connection.execute(statement, (tenant_id,)).fetchone()
    return int(found[0]) if found else 0


def test_a_row_cannot_be_handed_to_another_tenant(acme: Tenant, globex: Tenant) -> None:
    with as_tenant(acme) as connection:
        insert(connection, "documents", row_of("documents", acme.id))
        with pytest.raises(errors.InsufficientPrivilege):
            connection.execute("UPDATE rag.documents SET tenant_id = %s WHERE title = 't'", (globex.id,))


@pytest.mark.parametrize("login", ["platform", "validator"])
def test_without_a_tenant_role_a_login_can_do_nothing(region: Region, acme: Tenant, login: str) -> None:
    for table in TABLES:
        with as_role(region, login=login) as connection, pytest.raises(errors.InsufficientPrivilege):
            connection.execute(sql.SQL("SELECT * FROM rag.{}").format(sql.Identifier(table)))


@pytest.mark.parametrize(
    "table",
    [
        "tenant_role", "fence", "hold_fence", "job_epoch", "resource_tag", "row_security", "subject_fence",
        "erasure_progress", "erasure_item",
    ],
)  # fmt: skip
def test_control_tables_are_out_of_a_tenants_reach(acme: Tenant, table: str) -> None:
    with as_tenant(acme) as connection, pytest.raises(errors.InsufficientPrivilege):
        connection.execute(sql.SQL("SELECT * FROM bw.{}").format(sql.Identifier(table)))


def test_partitions_cannot_be_reached_past_their_parent(acme: Tenant, globex: Tenant) -> None:
    for tenant in (acme, globex):
        with as_tenant(acme) as connection, pytest.raises(errors.InsufficientPrivilege):
            connection.execute(sql.SQL("SELECT * FROM rag.{}").format(sql.Identifier(tenant.names.partition)))


def test_a_tenant_role_can_make_nothing_and_become_nobody_else(acme: Tenant, globex: Tenant) -> None:
    for statement in (
        "CREATE TABLE rag.mine (id int)", "CREATE TABLE public.mine (id int)", "CREATE TEMP TABLE mine (id int)",
        "CREATE SCHEMA mine", "ALTER TABLE rag.documents DISABLE ROW LEVEL SECURITY", "DROP TABLE rag.chunks",
        "TRUNCATE rag.documents", "CREATE POLICY open ON rag.documents USING (true)",
    ):  # fmt: skip
        with as_tenant(acme) as connection, pytest.raises(errors.InsufficientPrivilege):
            connection.execute(statement)


def test_owners_are_not_exempt(region: Region, acme: Tenant) -> None:
    with as_tenant(acme) as connection:
        insert(connection, "documents", row_of("documents", acme.id))
        connection.commit()
    with as_role(region, login="provisioner") as connection:
        assert connection.execute("SELECT count(*) FROM rag.documents").fetchone() == (0,)
        with pytest.raises(errors.InsufficientPrivilege):
            connection.execute("SET LOCAL ROLE rag_owner")


def test_the_observer_counts_without_seeing(region: Region, fresh: Tenant) -> None:
    with psycopg.connect(**routed(region)) as connection:
        be(connection, fresh)
        for table in TABLES:
            insert(connection, table, row_of(table, fresh.id))
    with as_role(region, login="observer") as connection:
        counted = dict(connection.execute("SELECT * FROM bw.tenant_row_counts(%s)", (fresh.id,)).fetchall())
        assert set(counted) == set(TABLES)
        assert all(counted.values())
        with pytest.raises(errors.InsufficientPrivilege):
            connection.execute("SELECT * FROM rag.documents")


def test_a_table_without_a_tenant_is_not_counted_as_empty(stack: Stack, region: Region, acme: Tenant) -> None:
    with superuser(stack, region) as db, db.transaction(force_rollback=True):
        db.execute("CREATE TABLE rag.stray (id int)")
        db.execute("SET LOCAL ROLE bw_observer")
        counted = dict(db.execute("SELECT * FROM bw.tenant_row_counts(%s)", (acme.id,)).fetchall())
        assert counted["stray"] is None


@pytest.mark.parametrize(
    "damage",
    [
        "ALTER TABLE rag.api_keys NO FORCE ROW LEVEL SECURITY",
        "ALTER TABLE rag.api_keys DISABLE ROW LEVEL SECURITY",
        "CREATE POLICY leak ON rag.api_keys FOR SELECT USING (true)",
        "DROP POLICY tenant_isolation ON rag.api_keys",
        "ALTER POLICY tenant_isolation ON rag.api_keys USING (true)",
        "DROP POLICY erasure ON rag.api_keys",
        "ALTER POLICY erasure ON rag.api_keys USING (true)",
    ],
)
def test_damaged_row_security_is_repaired(stack: Stack, region: Region, damage: str) -> None:
    with superuser(stack, region) as db, db.transaction(force_rollback=True):
        db.execute(damage)
        assert damaged(db) == ["api_keys"]
        db.execute("SET LOCAL ROLE bw_provisioner")
        assert db.execute("SELECT bw.secure_table('api_keys')").fetchone() == (True,)
        assert db.execute("SELECT bw.secure_table('api_keys')").fetchone() == (False,)
        assert damaged(db) == []


def damaged(db: Connection) -> list[str]:
    """Tables whose row security is not as secure_table() leaves it."""
    rows = db.execute("SELECT table_name, enabled, forced, policies FROM bw.row_security").fetchall()
    return [name for name, *state in rows if row_security.deviations(row_security.RowSecurityState(name, *state))]


def test_a_partition_with_vectors_is_not_dropped(region: Region, fresh: Tenant) -> None:
    with psycopg.connect(**region.database.connect_kwargs("provisioner"), autocommit=True) as db:
        with pytest.raises(errors.ObjectInUse, match="attached"):
            db.execute("SELECT bw.drop_vector_partition(%s)", (fresh.id,))
        with psycopg.connect(**routed(region)) as connection:
            be(connection, fresh)
            insert(connection, "chunk_vectors", row_of("chunk_vectors", fresh.id))
        partition = sql.Identifier(fresh.names.partition)
        db.execute(sql.SQL("ALTER TABLE rag.chunk_vectors DETACH PARTITION rag.{}").format(partition))
        with pytest.raises(errors.ObjectInUse, match="still holds 1"):
            db.execute("SELECT bw.drop_vector_partition(%s)", (fresh.id,))
        counted = dict(db.execute("SELECT * FROM bw.tenant_row_counts(%s)", (fresh.id,)).fetchall())
        assert counted[fresh.names.partition] == 1, "a detached partition is residue like any other"
        db.execute("SELECT bw.create_vector_partition(%s)", (fresh.id,))


def test_making_a_partition_does_not_wait_for_writers(region: Region, acme: Tenant) -> None:
    with as_tenant(acme) as writer, as_role(region, login="provisioner") as db:
        writer.execute("LOCK TABLE rag.chunk_vectors IN ROW EXCLUSIVE MODE")
        db.execute("SELECT bw.create_vector_partition(%s)", (uuid4(),))


def test_making_a_partition_gives_up_rather_than_queue(stack: Stack, region: Region) -> None:
    with superuser(stack, region) as holder, holder.transaction(), as_role(region, login="provisioner") as db:
        holder.execute("LOCK TABLE rag.chunk_vectors IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(errors.LockNotAvailable):
            db.execute("SELECT bw.create_vector_partition(%s)", (uuid4(),))


def test_job_epochs_only_rise(region: Region, fresh: Tenant) -> None:
    with as_role(region, login="provisioner") as db:
        for given, now in ((3, 3), (2, 3), (7, 7)):
            assert db.execute("SELECT bw.raise_job_epoch(%s, 'rows', %s)", (fresh.id, given)).fetchone() == (now,)


def test_the_schema_applies_again_unchanged(stack: Stack, region: Region) -> None:
    with superuser(stack, region) as db:
        for name in ("schema.sql", "guard.sql"):
            db.execute((ROOT / "ragplatform" / name).read_text())
            db.execute("RESET ROLE")
        assert damaged(db) == []


def test_what_an_older_store_allowed_is_taken_away(stack: Stack, region: Region) -> None:
    older = """
        DROP EVENT TRIGGER bw_refuse_ddl;
        GRANT rag_owner TO bw_provisioner WITH SET TRUE;
        GRANT EXECUTE ON FUNCTION bw.set_hold(uuid, text, bigint) TO bw_provisioner
    """
    allowed = """
        SELECT pg_has_role('bw_provisioner', 'rag_owner', 'SET'),
               has_function_privilege('bw_provisioner', 'bw.set_hold(uuid, text, bigint)', 'EXECUTE'),
               (SELECT evtenabled FROM pg_event_trigger WHERE evtname = 'bw_refuse_ddl')
    """
    with superuser(stack, region) as db, db.transaction(force_rollback=True):
        db.execute(older)
        assert db.execute(allowed).fetchone() == (True, True, None)
        for name in ("schema.sql", "guard.sql"):
            db.execute((ROOT / "ragplatform" / name).read_text())
            db.execute("RESET ROLE")
        assert db.execute(allowed).fetchone() == (False, False, "A")
