"""A tenant that was just made is served by every session of the pool, also by one that missed its grant."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace

import pytest
from psycopg import sql

from portal.embedded.stack import Stack
from portal.lib.regions import Region
from ragplatform.binding import Binding
from ragplatform.database import SESSIONS_KEPT, Database
from tests.ragplatform.conftest import Platform, Tenant, in_process
from tests.ragplatform.test_schema import Connection, superuser

ROUNDS, CROWD = 15, 300
MANY = "DO $$ BEGIN FOR n IN 1..{} LOOP EXECUTE format({}, 'crowd_' || n); END LOOP; END $$"


def for_each(db: Connection, statement: str) -> None:
    db.execute(sql.SQL(MANY).format(sql.Literal(CROWD), sql.Literal(statement)))


@pytest.fixture
def crowd(stack: Stack, region: Region) -> Iterator[Connection]:
    """As many roles as a region has tenants: with few, memberships are worked out too fast to be overtaken."""
    with superuser(stack, region) as db:
        for_each(db, "CREATE ROLE %1$I; GRANT %1$I TO rag_platform WITH INHERIT FALSE, SET TRUE")
        yield db
        for_each(db, "DROP ROLE IF EXISTS %I")


def in_every_session(database: Database, binding: Binding) -> None:
    with ExitStack() as stack:
        for _ in range(SESSIONS_KEPT):
            stack.enter_context(database.tenant(binding)).execute("SELECT 1")


def test_a_role_granted_while_sessions_work_out_their_memberships(
    platform: Platform, acme: Tenant, crowd: Connection
) -> None:
    services = in_process(platform)
    known, newborn = services.bindings.of(acme.id), "crowd_1"
    services.database.close()
    with ThreadPoolExecutor(1) as thread:
        for _ in range(ROUNDS):
            crowd.execute(f"REVOKE {newborn} FROM rag_platform")
            database = Database(platform.region.database.connect_kwargs("platform"), threads=SESSIONS_KEPT)
            database.open()
            assert database.ready()
            first = thread.submit(in_every_session, database, known)
            crowd.execute(f"GRANT {newborn} TO rag_platform WITH INHERIT FALSE, SET TRUE")
            first.result()
            in_every_session(database, replace(known, db_role=newborn))
            database.close()
