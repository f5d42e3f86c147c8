"""Who provisions has the rights of the tables' owner, and gets nothing of a held tenant out of the way with them."""

from contextlib import suppress
from typing import Any

import psycopg
import pytest
from psycopg import errors, sql

from lifecycle.stores.postgres import fences
from lifecycle.stores.vectors.store import store_of
from portal.embedded.stack import Stack
from portal.lib.regions import Region
from tests.erasure.made import SEEN, Settled, settle, unsettle
from tests.holds.test_raw import as_

RIGHTS = "UPDATE bw.tenant_role SET role_name = 'bw_provisioner' WHERE tenant_id = %(t)s"
# Each list is tried in one transaction: what the first statement opens the later ones would use.
ATTACKS = {
    "drop": ["DROP TABLE rag.chunks, rag.access_controls, rag.documents CASCADE"],
    "drop all": ["DROP SCHEMA rag CASCADE"],
    "drop what is owned": ["DROP OWNED BY rag_owner CASCADE"],
    "drop a type": ["DROP EXTENSION vector CASCADE", "DROP TYPE public.vector CASCADE"],
    "drop a column": ["ALTER TABLE rag.documents DROP COLUMN title", "ALTER TABLE rag.chunks DROP COLUMN body"],
    "write over": ["ALTER TABLE rag.documents ALTER title TYPE text USING ''"],
    "in memory": ["ALTER TABLE rag.documents SET UNLOGGED"],
    "no triggers": ["ALTER TABLE rag.sessions DISABLE TRIGGER ALL", "ALTER TABLE rag.chunks DISABLE TRIGGER USER",
                    "DROP TRIGGER guard_delete ON rag.chunks", RIGHTS, "DELETE FROM rag.chunks"],
    "replica": ["SET session_replication_role = replica", RIGHTS, "DELETE FROM rag.chunks"],
    "owner": ["SET ROLE rag_owner", "DROP TABLE rag.chunks"],
    "guard": ["SET ROLE bw_guard", "SELECT bw.set_hold(%(t)s, 'clear', 99)", RIGHTS, "DELETE FROM rag.chunks"],
    "mover": ["GRANT bw_mover TO bw_provisioner", "SET ROLE bw_mover", "DELETE FROM rag.chunks"],
    "grant": ["GRANT rag_owner TO bw_provisioner WITH SET TRUE", "SET ROLE rag_owner", "DROP TABLE rag.chunks"],
    "other owner": ["REASSIGN OWNED BY rag_owner TO bw_provisioner",
                    "ALTER TABLE rag.chunks NO FORCE ROW LEVEL SECURITY",
                    "DROP TABLE rag.chunks", "TRUNCATE rag.chunks", RIGHTS, "DELETE FROM rag.chunks"],
    "event triggers off": ["SET event_triggers = off", "ALTER EVENT TRIGGER bw_refuse_ddl DISABLE",
                           "DROP EVENT TRIGGER bw_refuse_ddl", "DROP FUNCTION bw.refuse_ddl() CASCADE",
                           "CREATE OR REPLACE FUNCTION bw.refuse_ddl() RETURNS event_trigger LANGUAGE plpgsql"
                           " AS 'BEGIN END'", "DROP TABLE rag.chunks"],
    "another guard": ["SELECT bw.write_guard('chunks', '{document_id}', '{}', '{}')",
                      "SELECT bw.guard_table('chunks', '{}', '{}')", RIGHTS, "UPDATE rag.chunks SET body = ''"],
    "out of sight": ["ALTER TABLE rag.documents RENAME TO papers", "ALTER TABLE rag.chunks SET SCHEMA public"],
    "in a block": ["DO $$BEGIN DROP TABLE rag.chunks CASCADE; END$$"],
    "behind": ["DO $$BEGIN EXECUTE 'ALTER TABLE rag.chunk_vectors DETACH PARTITION rag.chunk_vectors_{part}'; END$$",
               "ALTER TABLE rag.chunk_vectors DETACH PARTITION rag.chunk_vectors_{part} ; DROP TABLE rag.chunks"],
    "the partition": ["ALTER TABLE rag.chunk_vectors_{part} NO FORCE ROW LEVEL SECURITY", RIGHTS,
                      "DELETE FROM rag.chunk_vectors_{part}", "TRUNCATE rag.chunk_vectors_{part}",
                      "UPDATE rag.chunk_vectors_{part} SET ordinal = ordinal + 100",
                      "ALTER TABLE rag.chunk_vectors DETACH PARTITION rag.chunk_vectors_{part}",
                      "DROP TABLE rag.chunk_vectors_{part}", "SELECT bw.drop_vector_partition(%(t)s)"],
    "the hold": ["SELECT bw.set_hold(%(t)s, 'clear', 99)", "UPDATE bw.hold_fence SET state = 'clear'",
                 "DELETE FROM bw.hold_fence", "TRUNCATE bw.hold_fence", "DROP TABLE bw.hold_fence", RIGHTS,
                 "DELETE FROM rag.chunks"],
}  # fmt: skip


@pytest.fixture(scope="module")
def settled(region: Region) -> Any:
    made = settle(region)
    assert fences.set_hold(region, made.id, True, 1)
    yield made
    unsettle(made)


@pytest.mark.parametrize("attack", ATTACKS)
def test_nothing_gets_out_of_the_way(settled: Settled, stack: Stack, attack: str) -> None:
    before = settled.seen()
    with as_("provisioner", settled, stack) as db, db.transaction(force_rollback=True):
        for statement in ATTACKS[attack]:
            given = {"t": settled.id} if "%(t)s" in statement else None
            with suppress(psycopg.Error), db.transaction():
                db.execute(statement.replace("{part}", settled.id.hex), given)
        db.execute("RESET ROLE")
        db.execute(RIGHTS, {"t": settled.id})  # to see the rows, and as they are
        for table, was in before.items():
            assert db.execute(sql.SQL(SEEN).format(sql.Identifier(table)), (settled.id,)).fetchone() == was
    assert settled.seen() == before


@pytest.mark.parametrize("how", ["", " CONCURRENTLY"])
def test_a_held_partition_stays_where_it_is(settled: Settled, stack: Stack, how: str) -> None:
    detach = f"ALTER TABLE rag.chunk_vectors DETACH PARTITION rag.{settled.names.partition}{how}"
    with as_("provisioner", settled, stack) as db:
        with pytest.raises(errors.OperationalError, match="retained under law") as refused:
            db.execute(detach)
        assert refused.value.sqlstate == "55BWH"
        db.execute("SET default_transaction_isolation = 'repeatable read'")
        with pytest.raises(psycopg.Error):
            db.execute(detach)
    state = store_of(settled.region, "pgvector").read(settled.names)
    assert state and (state.vectors, state.deviation) == (18, "")


def test_a_partition_that_was_taken_off_is_kept_too(region: Region, stack: Stack) -> None:
    """Held once it stood alone; nothing of it goes, whoever names it."""
    made = settle(region, documents=1)
    part = sql.Identifier("rag", made.names.partition)
    with as_("provisioner", made, stack) as db:
        db.execute(f"ALTER TABLE rag.chunk_vectors DETACH PARTITION rag.{made.names.partition} CONCURRENTLY")
        assert fences.set_hold(region, made.id, True, 1)
        db.execute(RIGHTS, {"t": made.id})
        for statement in ("DELETE FROM {}", "TRUNCATE {}", "DROP TABLE {}", "UPDATE {} SET ordinal = 9"):
            with pytest.raises(psycopg.Error):
                db.execute(sql.SQL(statement).format(part))
        counted = dict(db.execute("SELECT * FROM bw.tenant_row_counts(%s)", (made.id,)).fetchall())
        assert counted[made.names.partition] == 3
        db.execute("UPDATE bw.tenant_role SET role_name = %s WHERE tenant_id = %s", (made.names.role, made.id))
        db.execute("SELECT bw.create_vector_partition(%s)", (made.id,))
    unsettle(made)


@pytest.mark.parametrize("login", ["provisioner", "eraser", "platform", "mover"])
def test_a_hold_is_placed_and_lifted_by_its_keeper_alone(settled: Settled, stack: Stack, login: str) -> None:
    with as_(login, settled, stack) as db, pytest.raises(errors.InsufficientPrivilege):
        db.execute("SELECT bw.set_hold(%s, 'clear', 99)", (settled.id,))
    with as_("keeper", settled, stack) as db, pytest.raises(errors.InsufficientPrivilege):
        db.execute("SELECT FROM bw.hold_fence")
    assert fences.hold_of(settled.region, settled.id) == (True, 1)
