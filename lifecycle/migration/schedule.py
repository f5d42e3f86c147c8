"""The watchdog: a tenant whose writers are kept waiting with nobody at work on it is given back to its owner.

In a window writers are refused as was signed, while the job goes on, and never beyond the window's end.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta

import structlog
from django.conf import settings
from django.core.cache import cache
from django.db.models import Q

from lifecycle.stores.errors import StoreError, Transient
from lifecycle.stores.postgres import fences
from portal.access.actor import Actor
from portal.audit.actions import record
from portal.audit.context import acting
from portal.jobs import lease
from portal.jobs.errors import Superseded
from portal.jobs.models import WORKED_ON, EpochCounter, Job, JobQuerySet, JobState
from portal.lib.clock import now
from tenants.placement.actions import placement_of

from .control import Control, move_at
from .engine import switch
from .engine.move import RESOURCE_CLASS, acknowledge_in
from .models import Migration, MigrationQuerySet
from .planning import regions
from .windows.actions import lift_now
from .windows.queries import open_window

log = structlog.get_logger(__name__)
WATCHDOG = Actor.system("migration.watchdog")


class Watch:
    """The watchdog as holder of a move, at an epoch above every job's; a job that is claimed later is above it."""

    actor: Actor = WATCHDOG

    def __init__(self, migration: Migration) -> None:
        self._tenant_id = migration.tenant_id
        with acting(WATCHDOG):
            self.epoch = lease.next_epoch(Job(tenant_id=self._tenant_id, resource_class=RESOURCE_CLASS))

    @contextmanager
    def fenced(self) -> Iterator[None]:
        """One transaction that commits only if no job was claimed since."""
        with acting(WATCHDOG):
            mine = {"tenant_id": self._tenant_id, "resource_class": RESOURCE_CLASS, "value": self.epoch}
            if not EpochCounter.objects.select_for_update().filter(**mine).exists():
                raise Superseded(f"watchdog epoch {self.epoch}")
            yield


def under_way() -> MigrationQuerySet:
    """Every move whose fences may be shut."""
    return Migration.objects.open().filter(started_at__isnull=False).select_related("tenant")


def tick() -> None:
    """Look at the owner's fence of every move under way."""
    for migration in under_way():
        try:
            _look(migration)
        except (StoreError, Superseded) as error:
            log.warning("migration.watchdog", migration_id=str(migration.pk), error=str(error))


def _look(migration: Migration) -> None:
    window = open_window(migration)
    if window is not None and window.ends_at - now() < timedelta(seconds=settings.MIGRATION["window_margin_seconds"]):
        give_back(migration, "Its window is over.")
        return
    shut_since = shut(migration)
    if is_worked_on(migration) or (window is not None and _goes_on(migration)):
        forget_shut(migration)
    elif shut_since is not None and now().timestamp() - shut_since > settings.MIGRATION["fenced_seconds"]:
        give_back(migration)


def shut(migration: Migration) -> float | None:
    """Since when the owner was seen to refuse writers, now for the first time perhaps; None while it takes them.

    It takes them if it is open at the very epoch by which they are routed there.
    """
    stands = placement_of(migration.tenant_id)
    region = regions().get(stands.owner)
    fence = fences.read(region, migration.tenant_id) if region else None
    is_served = fence is None or (fence.state, fence.epoch) == ("open", stands.epoch)
    if is_served and open_window(migration) is None:
        forget_shut(migration)
        return None
    return cache.get_or_set(_key(migration), now().timestamp(), 3600) or 0.0


def _key(migration: Migration) -> str:
    return f"migration:shut:{migration.pk}"


def forget_shut(migration: Migration) -> None:
    cache.delete(_key(migration))


def _jobs(migration: Migration) -> JobQuerySet:
    return Job.objects.filter(pk__in=filter(None, (migration.job_id, migration.rollback_job_id)))


def is_worked_on(migration: Migration) -> bool:
    """Whether some worker has the move in its hands."""
    return any(not lease.has_ended(job) for job in _jobs(migration).filter(state__in=WORKED_ON))


def _goes_on(migration: Migration) -> bool:
    """Whether the job comes back by itself: between two slices of work, and not paused nor ended."""
    return _jobs(migration).filter(Q(state=JobState.QUEUED) | Q(state=JobState.WAITING, wake_at__isnull=False)).exists()


def give_back(migration: Migration, because: str = "Nobody was at work.") -> int:
    """Open the owner at a fresh epoch, whichever side that is; returns the epoch."""
    watch, known = Watch(migration), regions()
    found = move_at(migration, watch.epoch, known[migration.source], known[migration.target])
    owner = placement_of(migration.tenant_id).owner
    acknowledge_in(known[owner], found)
    for other in {migration.source, migration.target} - {owner}:
        with suppress(Transient):  # out of reach perhaps, and the owner's writers do not wait for it
            acknowledge_in(known[other], found)
    epoch = switch.abort(found, Control(watch, migration))
    with watch.fenced():
        lift_now(migration, because, actor=WATCHDOG)
        record("migration.given_back", migration, actor=WATCHDOG, reason=because, data={"epoch": epoch})
    log.warning("migration.given_back", migration_id=str(migration.pk), epoch=epoch)
    return epoch
