"""Connections to a region's database, by purpose (the logins of portal.lib.regions), with limits on every wait."""

import functools
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import Connection, errors
from psycopg_pool import ConnectionPool, PoolTimeout

from lifecycle.stores.errors import Permanent, Transient
from portal.lib.regions import Database, Region

SYSTEM = "database"
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
LIMITS = "-c datestyle=ISO -c statement_timeout=30s -c lock_timeout=5s -c idle_in_transaction_session_timeout=15s"
_making = threading.Lock()


@contextmanager
def connection(region: Region, purpose: str = "provisioner") -> Iterator[Connection[Any]]:
    """Yield a connection in autocommit mode: a caller that needs a transaction says so."""
    with _pool_of(region, purpose).connection() as found:
        yield found


@contextmanager
def translated(operation: str) -> Iterator[None]:
    """Raise this house's errors instead of the driver's, with PostgreSQL's own words."""
    try:
        yield
    except TRANSIENT as error:
        raise Transient(SYSTEM, operation, _words(error)) from error
    except psycopg.OperationalError as error:
        raise Transient(SYSTEM, operation, _words(error)) from error
    except psycopg.InternalError as error:  # "tuple concurrently updated": two DDL statements met on a catalogue row
        raise Transient(SYSTEM, operation, _words(error)) from error
    except psycopg.Error as error:
        raise Permanent(SYSTEM, operation, _words(error)) from error


def _words(error: Exception) -> str:
    diagnosis = getattr(error, "diag", None)
    return str(getattr(diagnosis, "message_primary", None) or error).strip()


def _pool_of(region: Region, purpose: str) -> "ConnectionPool[Connection[Any]]":
    with _making:
        return _pool(_Key(region.database, purpose), os.getpid())


class _Key:
    """A database and purpose as a cache key (the passwords are a dict, which has no hash)."""

    def __init__(self, database: Database, purpose: str) -> None:
        self.database, self.purpose = database, purpose
        self.arguments = database.connect_kwargs(purpose)

    def __hash__(self) -> int:
        return hash(tuple(sorted(self.arguments.items())))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Key) and self.arguments == other.arguments


@functools.cache
def _pool(key: _Key, _pid: int) -> "ConnectionPool[Connection[Any]]":
    """Make the pool of this process: one inherited over a fork would share sockets with its parent.

    The first connection is made here, because a pool keeps trying in silence where a server answers no.
    """
    arguments = {**key.arguments, "autocommit": True, "options": LIMITS, "application_name": "bailiwick"}
    psycopg.connect(**arguments).close()
    return ConnectionPool(
        kwargs=arguments,
        min_size=0,
        max_size=8,
        max_idle=60,
        timeout=20,
        check=ConnectionPool.check_connection,
        open=True,
    )
