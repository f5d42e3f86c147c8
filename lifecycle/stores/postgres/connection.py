"""Connections to a region's database, by purpose (the logins of portal.lib.regions), with limits on every wait."""

import functools
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import Connection, Pipeline, errors
from psycopg_pool import ConnectionPool, PoolTimeout

from lifecycle.stores.errors import Held, Permanent, Transient
from portal.lib.databases import ALONE
from portal.lib.regions import Database, Region

SYSTEM = "database"
HELD = "55BWH"  # the store's own refusal, of class 55: psycopg has it among the operational errors
TRANSIENT = (
    errors.AdminShutdown,
    errors.CannotConnectNow,
    errors.CrashShutdown,
    errors.DeadlockDetected,
    errors.LockNotAvailable,
    errors.QueryCanceled,
    errors.SerializationFailure,
    errors.TooManyConnections,
    PoolTimeout,
)
# What the server ends by itself: long statements, forgotten transactions, and clients that no packet reaches.
LIMITS = (
    "-c datestyle=ISO -c statement_timeout=30s -c lock_timeout=5s -c idle_in_transaction_session_timeout=15s"
    " -c tcp_user_timeout=15s -c tcp_keepalives_idle=10 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=3"
)
STATEMENT, LONG, GRACE, POOL, SOON = 30.0, 600.0, 10.0, 20.0, 5.0  # seconds; the first is LIMITS' own
_making = threading.Lock()


class Limited(Connection[Any]):
    """A connection that is given up when an answer takes longer than `patience`: a cut network says nothing."""

    patience = STATEMENT + GRACE

    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        """As psycopg's, which without a `timeout` would wait for ever."""
        if timeout is not None:
            return super().wait(gen, interval, timeout)
        try:
            return super().wait(gen, interval, self.patience)
        except errors._WaitTimeout as error:
            self.pgconn.finish()
            raise psycopg.OperationalError(f"no answer within {self.patience:g} s") from error

    @contextmanager
    def pipeline(self) -> Iterator[Pipeline]:
        """As psycopg's, but the Sync is the last that it sends.

        Behind it psycopg sends a Flush, at which PostgreSQL stops the clock of an idle transaction: a client that slept
        at its commit would keep its locks for ever.
        """
        with super().pipeline() as found:
            found._exit_gen = found._sync_gen  # type: ignore[method-assign]
            yield found


@contextmanager
def connection(region: Region, purpose: str = "provisioner") -> Iterator[Limited]:
    """Yield a connection in autocommit mode: a caller that needs a transaction says so."""
    with _pool_of(region, purpose).connection() as found:
        found.patience = Limited.patience
        yield found


@contextmanager
def prompt(region: Region, purpose: str) -> Iterator[Limited]:
    """Yield a connection of its own, to a side that may be out of reach: the answer, or none, comes soon."""
    with Limited.connect(**_arguments(region.database, purpose) | {"connect_timeout": 3}) as found:
        found.patience = SOON
        yield found


@contextmanager
def lengthy(region: Region, purpose: str) -> Iterator[Limited]:
    """Yield a connection of its own on which a statement may take LONG, for what runs in no transaction."""
    longer = f"{LIMITS} -c statement_timeout={LONG:.0f}s -c lock_timeout={LONG:.0f}s"
    with Limited.connect(**_arguments(region.database, purpose) | {"options": longer}) as found:
        found.patience = LONG + GRACE
        yield found


@contextmanager
def patient(db: Limited, seconds: float) -> Iterator[None]:
    """Inside, every answer of the server has so many seconds, and not those of LIMITS."""
    usual, db.patience = db.patience, seconds
    try:
        yield
    finally:
        db.patience = usual


@contextmanager
def at_length(db: Limited) -> Iterator[None]:
    """Inside, and until the transaction ends, a statement may take LONG."""
    with patient(db, LONG + GRACE):
        db.execute(f"SET LOCAL statement_timeout = '{LONG:.0f}s'")
        yield


@contextmanager
def translated(operation: str) -> Iterator[None]:
    """Raise this house's errors instead of the driver's, with PostgreSQL's own words."""
    try:
        yield
    except TRANSIENT as error:
        raise Transient(SYSTEM, operation, _words(error)) from error
    except psycopg.OperationalError as error:
        if error.sqlstate == HELD:
            raise Held(SYSTEM, operation, _words(error)) from error
        raise Transient(SYSTEM, operation, _words(error)) from error
    except psycopg.InternalError as error:  # "tuple concurrently updated": two DDL statements met on a catalogue row
        raise Transient(SYSTEM, operation, _words(error)) from error
    except psycopg.Error as error:
        raise Permanent(SYSTEM, operation, _words(error)) from error


def _words(error: Exception) -> str:
    diagnosis = getattr(error, "diag", None)
    return str(getattr(diagnosis, "message_primary", None) or error).strip()


def _pool_of(region: Region, purpose: str) -> "ConnectionPool[Limited]":
    with _making:
        return _pool(_Key(region.database, purpose), os.getpid())


class _Key:
    """A database and purpose as a cache key (the passwords are a dict, which has no hash)."""

    def __init__(self, database: Database, purpose: str) -> None:
        self.database, self.purpose = database, purpose
        self.arguments = _arguments(database, purpose)

    def __hash__(self) -> int:
        return hash(tuple(sorted(self.arguments.items())))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Key) and self.arguments == other.arguments


@functools.cache
def _pool(key: _Key, _pid: int) -> "ConnectionPool[Limited]":
    """Make the pool of this process: one inherited over a fork would share sockets with its parent.

    The first connection is made here, because a pool keeps trying in silence where a server answers no. After an
    outage it begins anew with the next caller, and not when its own growing pauses are over.
    """
    psycopg.connect(**key.arguments).close()
    return ConnectionPool(
        connection_class=Limited,
        kwargs=key.arguments,
        min_size=0,
        max_size=12,  # a copy has ten workers
        max_idle=60,
        timeout=POOL,
        reconnect_timeout=SOON,
        check=_answers,
        open=True,
    )


def _arguments(database: Database, purpose: str) -> dict[str, Any]:
    said = database.connect_kwargs(purpose)
    return {**ALONE, **said, "autocommit": True, "options": LIMITS, "application_name": "bailiwick"}


def _answers(db: Limited) -> None:
    with patient(db, SOON):
        ConnectionPool.check_connection(db)
