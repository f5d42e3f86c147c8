"""The dispatcher's loop: deliver events, send due jobs, run the schedule; asleep until something is due.

A commit that rings (pg_notify) wakes it within milliseconds. LISTEN belongs to a session, so behind PgBouncer in
transaction mode it would stay behind in somebody else's: give BAILIWICK_DIRECT_DATABASE_URL there. Without it, or where
LISTEN does not get through, it notices and looks five times a second instead. Neither the database nor the queue going
away ends it.
"""

import contextlib
import threading
import time

import psycopg
import structlog
from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection, connections

from portal.lib.clock import now
from portal.lib.databases import parameters

from . import drive, outbox
from .schedule import Scheduler

log = structlog.get_logger(__name__)
POLL_HEARD, POLL_DEAF = 1.0, 0.2
BREATH, DEEP_BREATH = 0.02, 0.1  # between two rounds: under a stream of rings one round hears many of them
STREAM = 8  # rounds one right after the other, from which on the breath is deep: what comes singly is answered at once
PROBE_SECONDS = 0.5
LISTEN_AGAIN = 30.0


class Ear:
    """A connection that hears the ring, or a timer where there is none."""

    def __init__(self, stop: threading.Event, listen: bool = True) -> None:
        self.stop = stop
        self.is_wanted = listen
        self.raw: psycopg.Connection | None = None
        self.retry_at = 0.0

    @property
    def hears(self) -> bool:
        return self.raw is not None

    def wait(self, seconds: float) -> None:
        """Return after a ring, after `seconds`, or when asked to stop."""
        if self.is_wanted and self.raw is None and time.monotonic() >= self.retry_at:
            self._open()
        if self.raw is None:
            self.stop.wait(min(seconds, POLL_DEAF))
            return
        try:
            _drain(self.raw, min(seconds, POLL_HEARD))
        except psycopg.Error:
            self.close()

    def close(self) -> None:
        if self.raw is not None:
            with contextlib.suppress(psycopg.Error):
                self.raw.close()
        self.raw = None

    def _open(self) -> None:
        self.retry_at = time.monotonic() + LISTEN_AGAIN
        try:
            self.raw = _own_session()
            if _is_pooled(self.raw) or not _hears(self.raw):
                log.warning("dispatch.deaf", polls_every=POLL_DEAF)
                self.close()
        except (DatabaseError, InterfaceError, psycopg.Error):
            self.close()


def _own_session() -> psycopg.Connection:
    if settings.DIRECT_DATABASE_URL:
        return psycopg.connect(**parameters(settings.DIRECT_DATABASE_URL), autocommit=True)
    own = connection.copy()
    own.connect()
    raw: psycopg.Connection = own.connection
    return raw


def _is_pooled(raw: psycopg.Connection) -> bool:
    """True if the process that answers is not the one that greeted us: whatever we set would be left to a stranger."""
    row = raw.execute("SELECT pg_backend_pid()").fetchone()
    return row is None or row[0] != raw.info.backend_pid


def _hears(raw: psycopg.Connection) -> bool:
    raw.execute(f"LISTEN {outbox.CHANNEL}")
    outbox.ring()
    return _drain(raw, PROBE_SECONDS)


def _drain(raw: psycopg.Connection, seconds: float) -> bool:
    """Wait for a ring up to `seconds`, swallow those already queued with it; True if one came."""
    return bool(list(raw.notifies(timeout=seconds, stop_after=1)))


def run(stop: threading.Event, *, listen: bool = True, schedule: bool = True) -> None:
    """Dispatch until `stop` is set, then finish what is in hand."""
    ear = Ear(stop, listen)
    scheduler = Scheduler() if schedule else None
    in_a_row = 0
    log.info("dispatch.started")  # the embedded supervisor waits for this line
    try:
        while not stop.is_set():
            began = time.monotonic()
            sleep = _round(scheduler)
            ended = time.monotonic()
            ear.wait(sleep)
            in_a_row = in_a_row + 1 if time.monotonic() - ended < BREATH else 0
            breath = BREATH if in_a_row < STREAM else DEEP_BREATH
            stop.wait(max(0.0, began + breath - time.monotonic()))
    finally:
        ear.close()
        if scheduler is not None:
            scheduler.stop()
        connections.close_all()


def _round(scheduler: Scheduler | None) -> float:
    """Do what is due; return how long to sleep at most."""
    try:
        busy = outbox.deliver_due()
        if scheduler is not None:
            scheduler.tick()
        drive.mind_the_queue()
        busy += drive.send_due()
        due = drive.next_due_at()
    except drive.BrokerDown as error:
        log.warning("dispatch.queue_unreachable", error=str(error))
        return POLL_HEARD
    except (DatabaseError, InterfaceError) as error:
        log.warning("dispatch.database_unreachable", error=type(error).__name__)
        connections.close_all()
        return POLL_HEARD
    if busy:
        return 0.0
    return POLL_HEARD if due is None else min(POLL_HEARD, max(0.0, (due - now()).total_seconds()))
