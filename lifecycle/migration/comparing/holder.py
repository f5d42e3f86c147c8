"""The process that holds the snapshots of comparisons open, for as long as these last: no worker has to.

Any number may run; each comparison is taken by one. What a holder has, dies with it: nobody can read in it any more, so
whoever compares finds out at the next read and begins anew. A snapshot keeps a database from tidying up behind it:
what is not used for a while is let go.
"""

import threading
import time
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from uuid import UUID

import psycopg
import structlog
from django.conf import settings
from django.db import DatabaseError, InterfaceError, connections, transaction

from lifecycle.migration.engine.snapshots import Snapshot, held
from lifecycle.provisioning.subject import region_named
from lifecycle.stores.errors import StoreError
from lifecycle.stores.postgres.connection import Limited
from portal.jobs.actions import wake
from portal.jobs.errors import Permanent
from portal.lib.clock import now

from .models import Comparison, Outcome

log = structlog.get_logger(__name__)
EVERY, ASK_EVERY = 0.2, 5.0  # seconds


@dataclass
class Kept:
    """The open sessions of one comparison."""

    sessions: list[Limited] = field(default_factory=list)
    stack: ExitStack = field(default_factory=ExitStack)
    asked_at: float = field(default_factory=time.monotonic)

    def take(self, region: str) -> Snapshot:
        db, snapshot = self.stack.enter_context(held(region_named(region)))
        self.sessions.append(db)
        return snapshot

    def is_alive(self) -> bool:
        """Asked every few seconds: a network forgets whom it does not hear."""
        if time.monotonic() - self.asked_at < ASK_EVERY:
            return True
        self.asked_at = time.monotonic()
        try:
            return all(db.execute("SELECT 1").fetchone() for db in self.sessions)
        except psycopg.Error:
            return False

    def let_go(self) -> None:
        with suppress(psycopg.Error):  # a session that is gone has let go by itself
            self.stack.close()


class Holder:
    """What this process holds, by comparison."""

    def __init__(self) -> None:
        self._kept: dict[UUID, Kept] = {}

    def look(self) -> int:
        """Let go what is over, take what is asked for; returns how many snapshots were taken."""
        asked = {row.pk: row for row in Comparison.objects.filter(ended_at=None) if not _is_forgotten(row)}
        for pk, kept in list(self._kept.items()):
            if pk not in asked or not kept.is_alive():
                self._let_go(pk)
        taken = 0
        for row in asked.values():
            if row.of_source is None:
                taken += self._give(row, Kept(), "source")
            elif row.pk in self._kept and row.carried_at and row.of_target is None:
                taken += self._give(row, self._kept[row.pk], "target")
        return taken

    def let_go(self) -> None:
        """Hold nothing any more."""
        for pk in list(self._kept):
            self._let_go(pk)

    def _give(self, row: Comparison, kept: Kept, side: str) -> bool:
        """Hold this side's snapshot and tell the job. Whoever was not the first to give one holds nothing for it."""
        mine = Comparison.objects.filter(pk=row.pk, ended_at=None, **{f"of_{side}__isnull": True})
        self._kept[row.pk], is_given = kept, False
        try:
            snapshot = kept.take(getattr(row, side))
            with transaction.atomic():
                is_given = bool(mine.update(**{f"of_{side}": asdict(snapshot)}))
                wake(row.job_id)
        except (psycopg.Error, StoreError, Permanent, DatabaseError) as error:
            is_given = False
            log.warning("snapshot.not_given", comparison=str(row.pk), side=side, error=str(error))
        finally:
            if not is_given:
                self._let_go(row.pk)
        return is_given

    def _let_go(self, pk: UUID) -> None:
        self._kept.pop(pk).let_go()
        log.info("snapshot.let_go", comparison=str(pk))


def _is_forgotten(row: Comparison) -> bool:
    """End what nobody reads in: its job is over, or paused."""
    idle = now() - timedelta(seconds=settings.MIGRATION["snapshot_idle_seconds"])
    mine = Comparison.objects.filter(pk=row.pk, ended_at=None, used_at__lt=idle)
    void = {"ended_at": now(), "outcome": Outcome.VOID, "reason": "Nobody read in it for too long."}
    return row.used_at < idle and bool(mine.update(**void))


def run(stop: threading.Event) -> None:
    """Hold until `stop` is set. Neither database going away ends it."""
    holder = Holder()
    log.info("holder.started")  # the embedded supervisor waits for this line
    try:
        while not stop.wait(EVERY):
            try:
                holder.look()
            except (DatabaseError, InterfaceError) as error:
                log.warning("holder.database_unreachable", error=type(error).__name__)
                connections.close_all()
    finally:
        holder.let_go()
        connections.close_all()
