"""The region's PostgreSQL: every transaction runs as one tenant's role, so row security decides what it can see.

It says the epoch by which it was routed here, and the store refuses its writes when the tenant has moved on.
"""

import logging
import re
import struct
from array import array
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from typing import Any, Literal, NoReturn
from uuid import UUID

import psycopg
from bailiwick_client import Applied, ReadToken
from psycopg import errors, sql
from psycopg.abc import Buffer
from psycopg.adapt import Dumper
from psycopg.pq import Format
from psycopg.rows import TupleRow
from psycopg.types import TypeInfo
from psycopg_pool import ConnectionPool, PoolTimeout

from . import metrics
from .binding import Binding
from .handed import Held
from .problems import Moved, Problem, Repeatable, unavailable

LOG = logging.getLogger("ragplatform.database")
Connection = psycopg.Connection[TupleRow]
# The store's own refusals, when the tenant was suspended, or began to move, between our check and the write.
SUSPENDED, MOVED, HELD, ERASING = "55BWS", "55BWF", "55BWH", "55BWP"
# Of a request that may write: the transactions in which it did.
# What is being done for whom, as a refusal is noted: by default what the platform does by itself.
BY_ITSELF = ("outbox", "system:ragplatform")
ACTING: ContextVar[tuple[str, str]] = ContextVar("acting", default=BY_ITSELF)
LAST_WRITES: ContextVar[list[ReadToken] | None] = ContextVar("last_writes", default=None)
Isolation = Literal["READ COMMITTED", "REPEATABLE READ"]
BECOME = sql.SQL("SET TRANSACTION ISOLATION LEVEL {}; SET LOCAL ROLE {}; SELECT set_config('bw.epoch', {}, true)")
# More than a pool keeps open when nothing happens, so the last one asked is new.
SESSIONS_KEPT = 2
SESSIONS_ASKED = SESSIONS_KEPT + 1
STANDS = re.compile(r"state=(\w+) epoch=(\d+)")


class Database:
    """A pool of connections that can do nothing until they have taken a tenant's role."""

    def __init__(self, arguments: dict[str, Any], threads: int) -> None:
        self._pool: ConnectionPool[Connection] = ConnectionPool(
            kwargs={**arguments, "connect_timeout": 3, "prepare_threshold": None, "application_name": "ragplatform"},
            min_size=SESSIONS_KEPT,
            max_size=threads,
            timeout=3,
            configure=_teach_vectors,
            check=ConnectionPool.check_connection,
            open=False,
        )

    def open(self) -> None:
        """Start connecting; does not wait for the server."""
        self._pool.open(wait=False)

    def close(self) -> None:
        """Close the connections."""
        self._pool.close()

    @contextmanager
    def tenant(self, binding: Binding, isolation: Isolation = "READ COMMITTED") -> Iterator[Connection]:
        """One transaction as the tenant's role and at the binding's epoch; raises Problem 503 when the store cannot."""
        try:
            with ExitStack() as stack:
                connection = self._as_tenant(stack, binding, isolation)
                yield connection
                _note_write(connection, binding)
        except PoolTimeout as error:
            raise unavailable("The database has no free connection.") from error
        except psycopg.OperationalError as error:
            if error.sqlstate == HELD:
                self._note_refused(binding)
            _not_now(error, binding)

    def _note_refused(self, binding: Binding) -> None:
        """Leave the attempt on record, in a transaction of its own: the one that was refused has rolled back.

        Where that cannot be, the refusal stands all the same, and the store has counted it.
        """
        try:
            with self._pool.connection() as connection:
                connection.execute("SELECT reading.note_refused(%s, %s, %s)", (binding.tenant_id, *ACTING.get()))
        except (psycopg.Error, PoolTimeout) as error:
            LOG.warning("refusal.unnoted tenant=%s why=%s", binding.tenant_id, type(error).__name__)

    def _as_tenant(self, stack: ExitStack, binding: Binding, isolation: Isolation) -> Connection:
        """A connection that has taken the tenant's role.

        A server that works out a session's memberships while a role is granted may never hear of that grant (PostgreSQL
        drops the note of it, until the next grant of any role). So a session that says no is closed, and others asked.
        """
        for _ in range(SESSIONS_ASKED):
            connection = stack.enter_context(self._pool.connection())
            try:
                _become(connection, binding, isolation)
                return connection
            except (errors.InvalidParameterValue, errors.InsufficientPrivilege) as error:
                refused = error
                connection.close()
                stack.close()
        raise unavailable("The tenant's database role is not usable here.", 5) from refused

    def held(self, tenant_id: UUID, move: str) -> Held | None:
        """What this store has of a tenant that moves here; raises Problem 503 when the store cannot say."""
        try:
            with self._pool.connection() as connection:
                row = connection.execute("SELECT * FROM reading.applied(%s, %s)", (tenant_id, move)).fetchone()
        except (psycopg.Error, PoolTimeout) as error:
            raise unavailable("The database does not say what it holds.") from error
        return Held(Applied(row[0], row[1]), row[2]) if row else None

    def tell_pool(self) -> None:
        """Bring the pool's gauges up to date."""
        stats = self._pool.get_stats()
        used = stats.get("pool_size", 0) - stats.get("pool_available", 0) + stats.get("requests_waiting", 0)
        metrics.POOL_MAX.set(stats.get("pool_max", 0))
        metrics.POOL_USED.set(used)

    def ready(self) -> bool:
        """Whether a connection answers."""
        try:
            with self._pool.connection(timeout=1) as connection:
                connection.execute("SELECT 1")
        except (psycopg.Error, PoolTimeout):
            return False
        return True


def _become(connection: Connection, binding: Binding, isolation: Isolation) -> None:
    role, epoch = sql.Identifier(binding.db_role), sql.Literal(str(binding.epoch))
    # one message for all, and no parameters: a statement of several cannot be prepared
    connection.execute(BECOME.format(sql.SQL(isolation), role, epoch))


def _note_write(connection: Connection, binding: Binding) -> None:
    noted = LAST_WRITES.get()
    if noted is not None:
        row = connection.execute("SELECT pg_current_xact_id_if_assigned()::text").fetchone()
        if row and row[0]:
            noted.append(ReadToken(binding.epoch, int(row[0])))


def _not_now(error: psycopg.OperationalError, binding: Binding) -> NoReturn:
    if error.sqlstate == SUSPENDED:
        detail = "Refused: the tenant was suspended before the write; nothing was changed."
        raise Problem(403, "tenant-not-active", detail) from error
    if error.sqlstate == HELD:
        raise Problem(423, "retained", "Refused: this is retained under law for now; nothing was changed.") from error
    if error.sqlstate == ERASING:
        raise Problem(423, "erasing", "Refused: this person is being erased; nothing was changed.") from error
    if error.sqlstate == MOVED:
        raise Moved(binding.tenant_id, binding.epoch, _stands(error.diag.message_detail or "")) from error
    if isinstance(error, errors.SerializationFailure | errors.DeadlockDetected):
        raise Repeatable from error
    raise unavailable("The database did not finish the transaction; nothing was changed.") from error


def _stands(detail: str) -> tuple[str, int]:
    """State and epoch of the store's fence, as the guard tells them; unknown and 0 where it does not."""
    found = STANDS.fullmatch(detail)
    return (found[1], int(found[2])) if found else ("unknown", 0)


def count(connection: Connection, tenant_id: UUID, metric: str, amount: int, slot: int = 0) -> None:
    """Add to today's counter (UTC); holds its row until the transaction ends."""
    connection.execute(
        "INSERT INTO rag.usage_counters AS u (tenant_id, metric, day, slot, amount)"
        " VALUES (%s, %s, (now() AT TIME ZONE 'UTC')::date, %s, %s)"
        " ON CONFLICT (tenant_id, metric, day, slot) DO UPDATE SET amount = u.amount + excluded.amount",
        (tenant_id, metric, slot, amount),
    )


def levels(connection: Connection, tenant_id: UUID) -> dict[str, int]:
    """The sum of every counter over all days: documents, bytes and users held, queries ever made."""
    rows = connection.execute(
        "SELECT metric, sum(amount)::bigint FROM rag.usage_counters WHERE tenant_id = %s GROUP BY metric", (tenant_id,)
    )
    return {"documents": 0, "bytes": 0, "users": 0, "queries": 0, **{metric: int(total) for metric, total in rows}}


class _VectorDumper(Dumper):
    """array('f') as pgvector's binary form: dimensions, a reserved zero, big-endian float4."""

    format = Format.BINARY

    def dump(self, obj: "array[float]") -> Buffer:
        return struct.pack(f">HH{len(obj)}f", len(obj), 0, *obj)


def _teach_vectors(connection: Connection) -> None:
    info = TypeInfo.fetch(connection, "vector")
    connection.rollback()
    if info is None:
        raise psycopg.OperationalError("the vector extension is not installed")
    info.register(connection)
    dumper = type("VectorDumper", (_VectorDumper,), {"oid": info.oid})
    connection.adapters.register_dumper(array, dumper)
