"""Transactions in the region's database as a tenant's runtime role, which never commit."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import Connection, sql

from lifecycle.provisioning.validation.findings import Findings
from lifecycle.stores.postgres.connection import connection
from portal.lib.regions import Region

REFUSED = "42501"
Statement = sql.SQL | sql.Composed


@dataclass(frozen=True)
class Answer:
    """What the server said to one statement. `state` is its SQLSTATE, empty where it did as asked."""

    state: str
    words: str
    count: int
    rows: Sequence[tuple[Any, ...]] = ()

    @property
    def refused(self) -> bool:
        return self.state == REFUSED


@contextmanager
def dry_run(region: Region) -> Iterator[Connection[Any]]:
    """Yield the validator's connection in a transaction that is rolled back whatever happens, on one snapshot."""
    with connection(region, "validator") as db, db.transaction(force_rollback=True):
        db.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        yield db


def become(db: Connection[Any], role: str) -> None:
    """Act as the role until told otherwise. Raises where the validator may not take it."""
    db.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(role)))


def attempt(db: Connection[Any], statement: Statement, arguments: Sequence[Any] = ()) -> Answer:
    """Try a statement in a savepoint; an error the server raised is an answer, a lost connection is not."""
    try:
        with db.transaction():
            done = db.execute(statement, arguments)
            return Answer("", "", done.rowcount, done.fetchall() if done.description else ())
    except psycopg.Error as error:
        if error.sqlstate is None or db.closed:
            raise
        return Answer(error.sqlstate, (error.diag.message_primary or str(error)).strip(), 0)


def note_refusal(found: Findings, what: str, answer: Answer, harmless: bool = False) -> None:
    """Held where the server refused for want of rights (or the answer is harmless), else wrong."""
    if answer.refused:
        found.held(f"{what}: refused")
    elif not answer.state and harmless:
        found.held(f"{what}: nothing there")
    elif not answer.state:
        found.wrong(f"{what} was allowed")
    else:
        found.wrong(f"{what} was not refused but failed otherwise ({answer.state} {answer.words})")
