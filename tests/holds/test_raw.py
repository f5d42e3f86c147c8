"""Whoever logs in to a store by hand, with whatever rights: nothing of a held tenant goes from the hold's commit on."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import product
from typing import Any

import psycopg
import pytest
from psycopg import sql

from lifecycle.stores.postgres import fences
from portal.embedded.stack import Stack
from portal.lib.regions import LOGINS, Region
from tests.erasure.made import Settled, settle, unsettle

# The mover is the exception that docs/holds.md names: it brings a copy to what its source is.
EVERYBODY = sorted({"superuser", "tenant", *LOGINS} - {"mover"})
STATEMENTS = ["TRUNCATE rag.{} CASCADE", "DELETE FROM rag.{} WHERE tenant_id = {tenant}"]
# Who has access may change under a hold, sessions end, and what is noted is settled and counted (guard.sql).
MAY_GO = {"access_controls", "sessions", "api_keys", "document_outbox", "usage_counters", "usage_reports"}
# A superuser gets past everything that stands in a database, as docs/holds.md says.
OTHERS = ["ALTER TABLE rag.{} DISABLE TRIGGER USER", "DROP TABLE rag.{} CASCADE"]


@pytest.fixture
def settled(region: Region) -> Iterator[Settled]:
    made = settle(region)
    yield made
    unsettle(made)


@contextmanager
def as_(who: str, of: Settled, stack: Stack) -> Iterator[psycopg.Connection[Any]]:
    """A login, or the tenant's own role as its platform takes it."""
    login = stack.superuser_kwargs(of.region.name) if who == "superuser" else None
    login = login or of.region.database.connect_kwargs("platform" if who == "tenant" else who)
    with psycopg.connect(**login, autocommit=True) as db:
        db.execute("SET bw.epoch = 1")
        if who == "tenant":
            db.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(of.names.role)))
        yield db


@pytest.mark.parametrize("who", EVERYBODY)
def test_nothing_goes_by_hand(settled: Settled, stack: Stack, who: str) -> None:
    assert fences.set_hold(settled.region, settled.id, True, 1)
    before, went = settled.seen(), []
    statements = STATEMENTS + ([] if who == "superuser" else OTHERS)
    with as_(who, settled, stack) as db:
        for table, statement in product(before, statements):
            said = sql.SQL(statement).format(sql.Identifier(table), tenant=sql.Literal(settled.id))
            with suppress(psycopg.Error), db.transaction(force_rollback=True):
                if db.execute(said).rowcount and not (table in MAY_GO and "DELETE" in statement):
                    went.append((table, statement))
    assert went == [] and settled.seen() == before
