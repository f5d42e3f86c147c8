"""Who may do what in a fresh control database and in a region."""

import psycopg
import pytest
from psycopg import errors, sql

from portal.embedded.stack import Stack

MIGRATOR, APP = "BAILIWICK_MIGRATE_DATABASE_URL", "DATABASE_URL"


def test_app_works_on_what_migrator_creates_and_owns_nothing(shared: Stack) -> None:
    with psycopg.connect(shared.env[MIGRATOR]) as migrator:
        migrator.execute("CREATE TABLE thing (id int GENERATED ALWAYS AS IDENTITY, body text)")
        migrator.execute("CREATE SCHEMA side")
        migrator.execute("CREATE TABLE side.thing (body text)")
    try:
        with psycopg.connect(shared.env[APP], autocommit=True) as app:
            app.execute("INSERT INTO thing (body) VALUES ('a')")
            app.execute("INSERT INTO side.thing VALUES ('a')")
            app.execute("UPDATE thing SET body = 'b'")
            app.execute("DELETE FROM thing")
            for refused in (
                "CREATE TABLE mine ()",
                "TRUNCATE thing",
                "ALTER TABLE thing ADD x int",
                "SET ROLE bw_owner",
            ):
                with pytest.raises(errors.InsufficientPrivilege):
                    app.execute(sql.SQL(refused))
            owners = app.execute("SELECT DISTINCT tableowner FROM pg_tables WHERE tablename = 'thing'").fetchall()
            assert owners == [("bw_owner",)]
    finally:
        with psycopg.connect(shared.env[MIGRATOR]) as migrator:
            migrator.execute("DROP SCHEMA side CASCADE")
            migrator.execute("DROP TABLE thing")


def test_app_sessions_cannot_idle_in_a_transaction(shared: Stack) -> None:
    with psycopg.connect(shared.env[APP]) as app:
        for setting in ("idle_in_transaction_session_timeout", "transaction_timeout"):
            assert app.execute(sql.SQL("SHOW {}").format(sql.Identifier(setting))).fetchone() == ("5s",)
        assert app.execute("SHOW max_prepared_transactions").fetchone() == ("0",)
        assert app.execute("SHOW wal_level").fetchone() == ("logical",)


def test_migrator_may_create_test_databases_in_which_app_works(shared: Stack) -> None:
    with psycopg.connect(shared.env[MIGRATOR], autocommit=True) as migrator:
        migrator.execute("RESET ROLE")
        migrator.execute("SET ROLE migrator")
        migrator.execute("CREATE DATABASE test_bailiwick")
        try:
            other = {"dbname": "test_bailiwick"}
            with psycopg.connect(shared.env[MIGRATOR], **other) as there:
                there.execute("CREATE TABLE thing (body text)")
            with psycopg.connect(shared.env[APP], **other) as app:
                app.execute("INSERT INTO thing VALUES ('a')")
        finally:
            migrator.execute("DROP DATABASE test_bailiwick")  # waits for leaving backends


@pytest.mark.parametrize("purpose", ["provisioner", "platform", "validator", "observer", "eraser"])
def test_region_logins(shared: Stack, purpose: str) -> None:
    region = shared.region("ap-south-1")
    with psycopg.connect(**region.database.connect_kwargs(purpose)) as connection:
        found = connection.execute(
            "SELECT rolsuper, rolbypassrls FROM pg_roles WHERE rolname = current_user"
        ).fetchone()
    assert found == (False, False)


def test_no_one_enters_without_a_password(shared: Stack) -> None:
    database = shared.region("ap-south-1").database
    for user in ("postgres", "rag_platform"):
        with pytest.raises(psycopg.OperationalError, match="no password supplied"):
            psycopg.connect(host=database.host, port=database.port, dbname="rag", user=user, connect_timeout=5)


def test_a_region_is_labelled_as_simulated(shared: Stack) -> None:
    region = shared.region("ap-south-1")
    assert region.simulated and region.colour == "blue" and region.display == "Mumbai"
    assert region.vector_providers == ("pgvector",)
