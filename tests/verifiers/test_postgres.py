"""Rows: every table that the catalogue lists is counted, in whatever schema, and what cannot be counted is said."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import psycopg
import pytest

from compliance.verifiers import neighbours, people, verifier_of
from compliance.verifiers.looking import Answer, Question
from portal.embedded.stack import Stack
from portal.lib.clock import now
from portal.lib.regions import Region

from .conftest import World

POSTGRES, VECTORS = verifier_of("postgres"), verifier_of("vectors-ap-south-1")
ITEM = """
INSERT INTO bw.erasure_item (request_id, system, seq, id, table_name, key) VALUES (%s, %s, %s, 'x', %s, %s)
"""


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Stores of these tests alone: what they change in the schema would be in everybody's way."""
    with Stack(tmp_path_factory.mktemp("stores") / "home", regions=("ap-south-1",)) as own:
        yield own


@pytest.fixture(scope="module")
def region(stack: Stack) -> Region:
    return stack.region("ap-south-1")


@contextmanager
def meanwhile(world: World, begin: str, end: str) -> Iterator[None]:
    """The region's schema changed, and put back."""
    with world.as_superuser() as db:
        db.execute(begin)
        try:
            yield
        finally:
            db.execute(end)


def listed(world: World, system: str, *rows: tuple[str, list[str]]) -> Question:
    """A question about a request of which these rows were listed."""
    question = world.ask()
    with world.as_superuser() as db:
        for number, (table, key) in enumerate(rows, 1):
            db.execute(ITEM, [question.request_id, system, number, table, key])
    return question


def refused(answer: Answer, words: str) -> None:
    assert answer.found is None and answer.listed is None and words in answer.why, answer


def test_every_table_of_the_tenant(world: World) -> None:
    answer = POSTGRES.look(world.ask())
    assert answer.by == {"rag.users": 1, "rag.documents": 2, "rag.chunks": 2}
    assert (answer.found, answer.listed, answer.credential, answer.why) == (5, None, "bw_verifier", "")
    assert 'FROM "rag"."query_history"' in answer.query and str(world.names.tenant_id) not in answer.query
    assert VECTORS.look(world.ask()).by == {"rag.chunk_vectors": 2}
    nobody = replace(world.ask(), tenant_id=uuid4())
    assert (POSTGRES.look(nobody).found, VECTORS.look(nobody).found) == (0, 0)


def test_a_person_and_a_document(world: World) -> None:
    assert POSTGRES.look(world.ask("person")).by == {"rag.users": 1, "rag.documents": 1, "rag.chunks": 1}
    assert POSTGRES.look(world.ask("document")).by == {"rag.documents": 1, "rag.chunks": 1}
    assert VECTORS.look(world.ask("document")).found == 1
    stranger = world.ask("person", user_id=uuid4(), documents=())
    assert (POSTGRES.look(stranger).found, VECTORS.look(stranger).found) == (0, 0)


def test_a_person_named_in_a_text(world: World) -> None:
    user = uuid4()
    with world.as_platform() as db:
        db.execute(
            "INSERT INTO rag.query_history (tenant_id, id, q, k, hits) VALUES (%s, %s, 'q', 1, %s)",
            [world.names.tenant_id, uuid4(), f'[{{"by": "{user.hex.upper()}"}}]'],
        )
    assert POSTGRES.look(world.ask("person", user_id=user, documents=())).by == {"rag.query_history": 1}
    with world.as_platform() as db:
        db.execute("DELETE FROM rag.query_history")


def test_a_person_in_a_clone_under_another_tenant(world: World) -> None:
    """A rehearsal's clone has the same ids under a tenant of its own: what is left there is the person's as well."""
    clone = uuid4()
    with world.as_superuser() as db:
        db.execute("SET session_replication_role = replica")
        db.execute("INSERT INTO bw.fence (tenant_id) VALUES (%s)", [clone])
        db.execute("INSERT INTO rag.users (tenant_id, id, email) VALUES (%s, %s, 'a@example.org')", [clone, world.user])
        db.execute("INSERT INTO rag.documents (tenant_id, id, title) VALUES (%s, %s, 'b')", [clone, world.document])
        try:
            of_person = POSTGRES.look(world.ask("person"))
            assert (of_person.by["rag.users, of other tenants"], of_person.found) == (1, 4)
            of_tenant = POSTGRES.look(listed(world, "postgres", ("users", [str(world.user)])))
            assert (of_tenant.by["rag.users, of other tenants"], of_tenant.found) == (1, 6)
            assert POSTGRES.look(world.ask("document")).found == 2  # an id that its owner chose names nobody
        finally:
            db.execute("DELETE FROM rag.users WHERE tenant_id = %s", [clone])
            db.execute("DELETE FROM rag.documents WHERE tenant_id = %s", [clone])
            db.execute("DELETE FROM bw.fence WHERE tenant_id = %s", [clone])
    assert POSTGRES.look(world.ask("person")).found == 3


def test_what_was_listed_is_looked_for(world: World) -> None:
    there, gone = [str(world.document)], [str(uuid4())]
    question = listed(world, "postgres", ("documents", there), ("documents", gone), ("chunks", [*there, "0"]))
    assert POSTGRES.look(question).listed == 2
    assert VECTORS.look(question).listed == 0
    other = listed(world, "vectors", ("chunk_vectors", [str(world.document), "0"]))
    assert VECTORS.look(other).listed == 1 and POSTGRES.look(other).listed == 0


def test_a_table_that_was_renamed(world: World) -> None:
    question = listed(world, "postgres", ("budgets", [str(uuid4())]))
    with meanwhile(world, "ALTER TABLE rag.budgets RENAME TO purses", "ALTER TABLE rag.purses RENAME TO budgets"):
        refused(POSTGRES.look(question), "budgets is in the manifest and not in the database")
    assert POSTGRES.look(question).listed == 0


def test_vectors_that_were_renamed(world: World) -> None:
    with meanwhile(
        world,
        "ALTER TABLE rag.chunk_vectors RENAME TO embeddings",
        "ALTER TABLE rag.embeddings RENAME TO chunk_vectors",
    ):
        refused(VECTORS.look(world.ask()), "renamed, dropped")
        assert POSTGRES.look(world.ask()).by["rag.embeddings"] == 2  # and there it is


@pytest.mark.parametrize(
    ("made", "words"),
    [
        ("CREATE TABLE rag.notes (id uuid PRIMARY KEY, body text)", "no tenant column"),
        ("CREATE TABLE rag.notes (tenant_id uuid, body text)", "no primary key"),
        ("CREATE MATERIALIZED VIEW rag.notes AS SELECT tenant_id, id FROM rag.users", "copies"),
        ("CREATE TABLE rag.notes (tenant_id uuid, id uuid, PRIMARY KEY (tenant_id, id))", "may not be read"),
    ],
)
def test_a_table_that_cannot_be_counted(world: World, made: str, words: str) -> None:
    drop = "DROP MATERIALIZED VIEW rag.notes" if "VIEW" in made else "DROP TABLE rag.notes"
    grant = "" if words == "may not be read" else "; GRANT SELECT ON rag.notes TO bw_verifier"
    with meanwhile(world, made + grant, drop):
        refused(POSTGRES.look(world.ask()), words)
    assert POSTGRES.look(world.ask()).is_checked


def test_a_new_table_in_a_schema_of_its_own(world: World) -> None:
    made = (
        "CREATE SCHEMA aside; CREATE TABLE aside.notes (tenant_id text, id int, PRIMARY KEY (tenant_id, id));"
        f"INSERT INTO aside.notes VALUES ('{world.names.tenant_id}', 1)"
    )
    with meanwhile(world, made, "DROP SCHEMA aside CASCADE"):
        refused(POSTGRES.look(world.ask()), "aside.notes may not be read")
        with world.as_superuser() as db:
            db.execute("GRANT USAGE ON SCHEMA aside TO bw_verifier; GRANT SELECT ON aside.notes TO bw_verifier")
        assert POSTGRES.look(world.ask()).by["aside.notes"] == 1


def test_a_control_table_that_nobody_declared(world: World) -> None:
    made = "CREATE TABLE bw.keepsake (tenant_id uuid PRIMARY KEY); GRANT SELECT ON bw.keepsake TO bw_verifier"
    filled = f"{made}; INSERT INTO bw.keepsake VALUES ('{world.names.tenant_id}')"
    with meanwhile(world, filled, "DROP TABLE bw.keepsake"):
        assert POSTGRES.look(world.ask()).by["bw.keepsake"] == 1


def test_row_security_that_hides_rows(world: World) -> None:
    with meanwhile(world, "ALTER ROLE bw_verifier NOBYPASSRLS", "ALTER ROLE bw_verifier BYPASSRLS"):
        refused(POSTGRES.look(world.ask()), "Row security would hide rows")
        refused(verifier_of("objects").look(world.ask()), "Row security would hide rows")


def test_the_login_can_change_nothing(world: World) -> None:
    with psycopg.connect(**world.region.database.connect_kwargs("verifier"), autocommit=True) as db:
        db.execute("SET default_transaction_read_only = off")
        tables = db.execute(
            "SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE n.nspname IN ('rag', 'bw', 'public') AND c.relkind IN ('r', 'p')"
        ).fetchall()
        assert len(tables) > 10
        for schema, table in tables:
            for verb in (f"DELETE FROM {schema}.{table}", f"TRUNCATE {schema}.{table}"):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    db.execute(verb)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            db.execute("CREATE TABLE public.mine (id int)")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            db.execute("SELECT bw.set_hold(gen_random_uuid(), 'clear', 1)")


def test_who_somebody_is(world: World) -> None:
    tenant, region = world.names.tenant_id, world.region
    assert people.user_of(region, tenant, f" {world.user}@EXAMPLE.org ") == world.user
    assert people.user_of(region, uuid4(), f"{world.user}@example.org") is None
    assert people.documents_of(region, tenant, world.user) == [world.document]


def test_a_neighbour_that_was_touched(world: World) -> None:
    tenant, region, later = world.names.tenant_id, world.region, now() + timedelta(minutes=1)
    count, digest = neighbours.snapshot(region, tenant, later)
    assert count == 2 and neighbours.snapshot(region, tenant, later) == (count, digest)
    with world.as_platform() as db:
        db.execute("INSERT INTO rag.chunks VALUES (%s, %s, 7, 'more')", [tenant, world.document])
    assert neighbours.snapshot(region, tenant, later)[1] != digest
    with world.as_platform() as db:
        db.execute("DELETE FROM rag.chunks WHERE ordinal = 7")
    assert neighbours.snapshot(region, tenant, later) == (count, digest)
    assert neighbours.snapshot(region, tenant, now() - timedelta(days=1))[0] == 0
