"""Snapshots held open by one session and read by others, which know them again by what they show.

PostgreSQL names an exported snapshot by the session that holds it and forgets the name with that session's transaction.
After a restart of the server the same name may be given to another one, so a name alone is never believed.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from psycopg import Connection, IsolationLevel, errors, sql

from lifecycle.stores.errors import Transient
from lifecycle.stores.postgres.connection import SYSTEM, Limited, at_length, connection, prompt
from portal.lib.regions import Region

SHOWN = "SELECT pg_current_snapshot()::text, extract(epoch FROM pg_postmaster_start_time())::text"
TAKEN = """
SELECT pg_export_snapshot(), pg_current_snapshot()::text, extract(epoch FROM pg_postmaster_start_time())::text,
       extract(epoch FROM clock_timestamp())::float
"""
# What would end a transaction that only waits; a server before 17 has no transaction_timeout.
UNENDED = """
SELECT set_config(name, '0', true) FROM pg_settings
WHERE name IN ('idle_in_transaction_session_timeout', 'transaction_timeout')
"""
UNKNOWN = (errors.InvalidParameterValue, errors.UndefinedObject, errors.ObjectNotInPrerequisiteState)


class Gone(Transient):
    """Nobody holds this snapshot any more: what was read in it cannot be continued."""


@dataclass(frozen=True)
class Snapshot:
    """`name` imports it while it is held; `shows` is xmin:xmax:those under way; `server` when the server started.

    `at` is when it was taken, in seconds of the server's clock.
    """

    name: str
    shows: str
    server: str
    at: float


@contextmanager
def held(region: Region) -> Iterator[tuple[Limited, Snapshot]]:
    """A session of the verifier, and the snapshot of now that it holds for as long as this lasts."""
    with prompt(region, "verifier") as db, db.transaction():
        db.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield db, exported(db)


def exported(db: Connection[Any]) -> Snapshot:
    """The snapshot of this session's transaction, which from here on may only wait."""
    db.execute(UNENDED)
    row = db.execute(TAKEN).fetchone()
    assert row is not None
    return Snapshot(*row)


@contextmanager
def reader(region: Region, of: Snapshot | None = None) -> Iterator[Limited]:
    """The verifier in a transaction of one snapshot: a held one, or that of now."""
    with connection(region, "verifier") as db, lasting(db, of):
        yield db


@contextmanager
def lasting(db: Limited, of: Snapshot | None = None) -> Iterator[None]:
    """A transaction of one snapshot, for as long as it takes."""
    with db.transaction():
        db.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        if of:
            _import(db, of)
        db.execute(UNENDED)
        with at_length(db):
            yield


@contextmanager
def reading(source: Connection[Any], of: Snapshot | None = None) -> Iterator[None]:
    """A transaction of the mover that reads everything as of one moment: a held one, or now."""
    source.isolation_level, source.read_only = IsolationLevel.REPEATABLE_READ, True
    try:
        with source.transaction():
            if of:
                _import(source, of)
            yield
    finally:
        source.isolation_level, source.read_only = None, None


def age(db: Connection[Any], of: Snapshot | None) -> float:
    """Seconds since it was taken; 0 for that of now."""
    if of is None:
        return 0.0
    row = db.execute("SELECT extract(epoch FROM clock_timestamp())::float - %s", (of.at,)).fetchone()
    assert row is not None
    return max(0.0, float(row[0]))


def is_later(one: str, other: str) -> bool:
    """Whether the first of two snapshots of one server shows more: those of one server are in one order."""
    (begun, under_way), (begun_before, under_way_before) = (_parts(one), _parts(other))
    return begun > begun_before or (begun == begun_before and under_way < under_way_before)


def _parts(shown: str) -> tuple[int, frozenset[str]]:
    """The first transaction that had not begun, and those before it that had not ended."""
    _, begun, under_way = shown.split(":")
    return int(begun), frozenset(filter(None, under_way.split(",")))


def _import(db: Connection[Any], of: Snapshot) -> None:
    try:
        db.execute(sql.SQL("SET TRANSACTION SNAPSHOT {}").format(sql.Literal(of.name)))
    except UNKNOWN as error:
        raise Gone(SYSTEM, "import a snapshot", f"nobody holds {of.name} any more") from error
    row = db.execute(SHOWN).fetchone()
    if row != (of.shows, of.server):
        raise Gone(SYSTEM, "import a snapshot", f"{of.name} is another one by now")
