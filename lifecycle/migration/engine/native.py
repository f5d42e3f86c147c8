"""The second way to capture: the server's own stream of changes, read from a slot that one move has to itself.

It is another source of dirty keys. `collect` brings the keys of what was committed into bw.dirty, each with its
transaction, and only then lets the server forget that part of its log; rounds, counters and the ledger go on from there
as they do with keys that the triggers wrote. So log is retained for as long as nobody collects, however long the other
side is silent. A slot that the server has given up (`max_slot_wal_keep_size`) voids the capture, and with it the copy.
"""

import time
from collections.abc import Iterable
from typing import Any
from uuid import UUID

from psycopg import Connection, errors, sql

from lifecycle.stores.errors import Permanent, Transient
from lifecycle.stores.postgres.connection import SYSTEM, at_length, connection, lengthy
from portal.lib.regions import Region

from .move import Move, fenced
from .pgoutput import Transaction, transactions

PREFIX = "bw_"
AT_ONCE = 20_000  # changes read before they are kept; a transaction is read as a whole
PAUSE, PATIENCE = 0.1, 30.0  # seconds between looks at what still runs, and in all
STANDS = """
SELECT f.slot::text, coalesce(f.slot_since - '0/0', 0)::bigint, pg_snapshot_xmax(pg_current_snapshot())::text::bigint,
       s.slot_name IS NOT NULL AND s.wal_status IS DISTINCT FROM 'lost',
       pg_current_wal_lsn() - s.restart_lsn > %s
           AND has_function_privilege(to_regprocedure('pg_log_standby_snapshot()'), 'execute')
FROM bw.fence f LEFT JOIN pg_replication_slots s ON s.slot_name = f.slot WHERE f.tenant_id = %s
"""
# Where the next reader begins: else at what the server notes by itself every fifteen seconds. PostgreSQL 16.
NEARER = "SELECT pg_log_standby_snapshot()"
FAR = 1 << 20  # bytes that are read again and again
# What this commits is behind everything that a snapshot taken before it shows; a commit that waited for no disk is on
# it then, and can be read.
BARRIER = """
SELECT pg_logical_emit_message(true, 'bailiwick', ''), set_config('synchronous_commit', 'local', true)
"""
PEEK = """
SELECT (u.upto - '0/0')::bigint, c.data
FROM (SELECT pg_current_wal_flush_lsn() AS upto OFFSET 0) u LEFT JOIN LATERAL pg_logical_slot_peek_binary_changes(
    %(slot)s::text::name, u.upto, %(most)s, 'proto_version', '1', 'publication_names', %(slot)s::text) WITH ORDINALITY
    AS c (lsn, xid, data, number) ON true
ORDER BY c.number
"""
ADVANCE = "SELECT pg_replication_slot_advance(%s, '0/0'::pg_lsn + %s::numeric)"
STILL = "SELECT FROM bw.fence WHERE tenant_id = %s AND slot = %s FOR SHARE"
KEEP = "COPY bw.dirty (tenant_id, table_name, key, xid) FROM STDIN"
KEYS = """
SELECT relname::text, bw.key_columns(oid) FROM pg_class
WHERE relnamespace = 'rag'::regnamespace AND relname = ANY (%s)
"""
# Only what is lost is given up: whoever slept may find another slot of that name by now.
VOID = """
WITH void AS (
    UPDATE bw.fence SET capture = false, slot = NULL, slot_since = NULL, changed_at = clock_timestamp()
    WHERE tenant_id = %(tenant)s AND slot = %(slot)s::text AND capture AND NOT EXISTS (
        SELECT FROM pg_replication_slots WHERE slot_name = %(slot)s::text AND wal_status IS DISTINCT FROM 'lost')
    RETURNING tenant_id)
DELETE FROM bw.dirty d USING void v WHERE d.tenant_id = v.tenant_id
"""
# Of the lines that `collect` has kept, those of transactions that this snapshot shows.
SHOWN = """
SELECT seq, table_name, key FROM bw.dirty
WHERE tenant_id = %s AND pg_visible_in_snapshot(xid, %s::text::pg_snapshot) ORDER BY seq LIMIT %s
"""
# A server that takes part in replication to a standby carries such a slot there, where it can (PostgreSQL 17).
CREATE = sql.SQL("SELECT pg_create_logical_replication_slot({}, 'pgoutput'{})")
STANDBY_TOO = 170_000
STANDING = """
SELECT EXISTS (SELECT FROM pg_replication_slots WHERE slot_name = %s AND wal_status IS DISTINCT FROM 'lost')
"""
FORWARD = "SELECT pg_replication_slot_advance(%s, pg_current_wal_flush_lsn())"
DROP = "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = %s"
PUBLISHED = "SELECT EXISTS (SELECT FROM pg_publication WHERE pubname = %s)"
HORIZON = "SELECT pg_snapshot_xmin(s)::text::bigint, pg_snapshot_xmax(s)::text::bigint FROM pg_current_snapshot() s"
# One that was prepared has no process: somebody has to end it.
OLDEST = """
SELECT said FROM (
    SELECT concat('the transaction of ', usename, ' in process ', pid) AS said, xact_start AS since
    FROM pg_stat_activity WHERE backend_xid IS NOT NULL
    UNION ALL SELECT 'the prepared transaction ' || quote_literal(gid), prepared FROM pg_prepared_xacts) open
ORDER BY since LIMIT 1
"""


class Lost(Permanent):
    """The server has given the slot up: capture is off, and what was copied is void."""


def slot_of(move: Move, region: Region) -> str:
    """The name of a move's slot in a region, and of its publication there."""
    return f"{PREFIX}{move.id.hex}_{region.name.replace('-', '_')}"[:63]


def make_ready(move: Move, region: Region) -> str:
    """Leave the move's slot and publication in the region, reading from here on; returns the slot's name.

    One that stands there captures nothing yet, or the fence would name it. Making one waits for every transaction that
    writes on this server, and so never happens while anybody waits for the mover.
    """
    slot = slot_of(move, region)
    with lengthy(region, "mover") as db:
        row = db.execute(STANDING, (slot,)).fetchone()
        if row and row[0]:
            with fenced(db, move, region):
                db.execute(FORWARD, (slot,))
            return slot
        _drop(db, move, region)
        db.execute("SELECT bw.publish(%s, %s)", (slot, move.tenant_id))
        db.execute(f"SET statement_timeout = '{PATIENCE:.0f}s'")
        too = sql.SQL(", failover => true" if db.info.server_version >= STANDBY_TOO else "")
        try:
            db.execute(CREATE.format(sql.Literal(slot), too))
        except errors.QueryCanceled as error:
            raise _kept_waiting(db) from error
    return slot


def settled(region: Region) -> None:
    """Return when no transaction runs that ran when this was called; Transient names one that does not end.

    What was committed before a slot began to read is not in its stream: a copy may begin when every snapshot shows it,
    also where a commit was written and its writer waited for a standby. Writers past every guard are among them.
    """
    began = time.monotonic()
    with connection(region, "mover") as db:
        _, mark = _horizon(db)
        while _horizon(db)[0] < mark:
            if time.monotonic() - began > PATIENCE:
                raise _kept_waiting(db)
            time.sleep(PAUSE)


def _horizon(db: Connection[Any]) -> tuple[int, int]:
    row = db.execute(HORIZON).fetchone()
    assert row is not None
    return int(row[0]), int(row[1])


def _kept_waiting(db: Connection[Any]) -> Transient:
    row = db.execute(OLDEST).fetchone()
    said = f"{row[0] if row else 'a transaction'} was open for {PATIENCE:.0f} s"
    return Transient(SYSTEM, "begin the stream of changes", said)


def drop(move: Move, region: Region) -> None:
    """Take away the move's slot and publication in the region; one that somebody still reads stays for the sweep."""
    with connection(region, "mover") as db:
        _drop(db, move, region)


def _drop(db: Connection[Any], move: Move, region: Region) -> None:
    """Under the move's epoch: whoever slept does not take away what a later worker has made."""
    slot = slot_of(move, region)
    with fenced(db, move, region):
        db.execute(DROP, (slot,))
        row = db.execute(PUBLISHED, (slot,)).fetchone()
        if row and row[0]:
            db.execute("SELECT bw.unpublish(%s)", (slot,))


def collect(region: Region, tenant_id: UUID, *, in_haste: bool = False) -> None:
    """Bring the keys of all that was committed before this call into bw.dirty; nothing where no slot captures.

    Anybody may: a key that is brought twice costs a look. `in_haste` leaves the log with the server, for the next.
    Raises Lost, which names the slot, where there is nothing to be read any more.
    """
    with connection(region, "mover") as db:
        row = db.execute(STANDS, (FAR, tenant_id)).fetchone()
        if row is None or row[0] is None:
            return
        slot, since, xmax, stands, is_far = row
        if not stands:
            _lose(db, region, tenant_id, slot)
        db.execute(BARRIER)
        if in_haste:
            _keep(db, tenant_id, slot, _read(db, slot, None)[0], since, xmax)
            return
        if is_far:
            db.execute(NEARER)
        is_more = True
        while is_more:
            with db.transaction(), at_length(db):
                found, upto, is_more = _read(db, slot, AT_ONCE)
            if not _keep(db, tenant_id, slot, found, since, xmax):
                return
            with db.transaction(), at_length(db):
                db.execute(ADVANCE, (slot, upto))


def _read(db: Connection[Any], slot: str, most: int | None) -> tuple[list[Transaction], int, bool]:
    """What was committed, how far in the log that is all of it, and whether there is more."""
    rows = db.execute(PEEK, {"slot": slot, "most": most}).fetchall()
    found = list(transactions(data for _, data in rows if data is not None))
    behind = found[-1].ends if found else 0
    is_more = most is not None and len(rows) >= most
    return found, behind if is_more else max(behind, int(rows[0][0])), is_more


def _keep(db: Connection[Any], tenant_id: UUID, slot: str, found: Iterable[Transaction], since: int, xmax: int) -> bool:
    """Write the keys down, those before `since` left out; false where the slot captures nothing any more."""
    theirs = (one for one in found if one.committed >= since)
    lines = [(table, dict(key), _full(one.xid, xmax)) for one in theirs for table, key in sorted(one.keys)]
    if not lines:
        return True
    known = {table: [name for name in key if name != "tenant_id"] for table, key, _ in lines}  # dropped since, perhaps
    known |= dict(db.execute(KEYS, (list(known),)).fetchall())
    with db.transaction():
        if db.execute(STILL, (tenant_id, slot)).fetchone() is None:
            return False
        with db.cursor() as cursor, cursor.copy(KEEP) as going:
            for table, key, xid in lines:
                going.write_row((tenant_id, table, [key[name] for name in known[table]], xid))
    return True


def _full(xid: int, xmax: int) -> str:
    """The transaction's number with its epoch: the one nearest to the newest that the server has given out."""
    return str(xmax + (xid - xmax + 2**31) % 2**32 - 2**31)


def _lose(db: Connection[Any], region: Region, tenant_id: UUID, slot: str) -> None:
    db.execute(VOID, {"tenant": tenant_id, "slot": slot})
    said = (
        f"{region.name} has lost the slot {slot}: more was to be retained than max_slot_wal_keep_size, or somebody has"
        " dropped it. What changed since is not known, and what was copied is void"
    )
    raise Lost(SYSTEM, "capture", said)


def is_named(region: Region, tenant_id: UUID, slot: str) -> bool:
    """Whether the tenant's fence says that this slot captures."""
    with connection(region, "mover") as db:
        query = "SELECT FROM bw.fence WHERE tenant_id = %s AND slot = %s"
        return db.execute(query, (tenant_id, slot)).fetchone() is not None


def shown(db: Connection[Any], tenant_id: UUID, snapshot: str, most: int) -> list[tuple[int, str, list[str]]]:
    """The collected lines of transactions that the snapshot shows, at most so many."""
    return db.execute(SHOWN, (tenant_id, snapshot, most)).fetchall()
