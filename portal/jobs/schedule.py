"""Runs settings.SCHEDULE: dotted path → period in seconds. Any number of schedulers may run; one runs each entry.

An entry is claimed by a row with a short lease, which the scheduler renews while the entry runs and which ends soon
after the scheduler has died. An entry that raises is logged and stays on schedule; none can hold up another.
"""

import time
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta

import structlog
from django.conf import settings
from django.db import connections
from django.db.models import DateTimeField, ExpressionWrapper, Q, Value
from django.db.models.expressions import Combinable
from django.db.models.functions import Now
from django.utils.module_loading import import_string

from portal.lib.clock import now

from . import drive, holder
from .models import Delivery, DeliveryState, Job, OutboxEvent, ScheduleRun, Wake
from .text import describe

log = structlog.get_logger(__name__)
LEASE = timedelta(seconds=15)
THREADS = 4
KEEP_EVENTS = timedelta(days=30)
CLEAR_AT_ONCE = 5000


class Scheduler:
    """Starts due entries on its own threads; `tick` is cheap and is called about every second."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="schedule")
        self._running: dict[str, Future[None]] = {}
        self._look_at: dict[str, float] = {}
        self._renew_at = 0.0

    def tick(self) -> None:
        self._running = {entry: future for entry, future in self._running.items() if not future.done()}
        moment = time.monotonic()
        if self._running and moment >= self._renew_at:
            self._renew_at = moment + LEASE.total_seconds() / 5
            ScheduleRun.objects.filter(pk__in=self._running, holder=holder.me()).update(held_until=_after(LEASE))
        for entry, period in settings.SCHEDULE.items():
            if entry in self._running or moment < self._look_at.get(entry, 0.0):
                continue
            is_mine = claim(entry, timedelta(seconds=period))
            self._look_at[entry] = moment + (period if is_mine else min(period, 2.0))
            if is_mine:
                self._running[entry] = self._pool.submit(_run_and_close, entry)

    def stop(self) -> None:
        """Wait for what runs; start nothing more."""
        self._pool.shutdown(wait=True, cancel_futures=True)


def claim(entry: str, period: timedelta) -> bool:
    """True for exactly one caller per period, while nobody runs the entry."""
    ScheduleRun.objects.get_or_create(pk=entry)
    due = Q(started_at=None) | Q(started_at__lte=_after(-period))
    free = Q(held_until=None) | Q(held_until__lt=Now())
    mine = ScheduleRun.objects.filter(due, free, pk=entry)
    return bool(mine.update(started_at=Now(), held_until=_after(LEASE), holder=holder.me()))


def run_entry(entry: str) -> None:
    """Run one claimed entry and write down how it ended."""
    error = ""
    try:
        import_string(entry)()
    except Exception as raised:  # noqa: BLE001 - one entry's fault must not stop the others
        error = describe(raised)
        log.error("schedule.entry_failed", entry=entry, error=error)
    mine = ScheduleRun.objects.filter(pk=entry, holder=holder.me())
    mine.update(finished_at=Now(), held_until=None, error=error)


def _run_and_close(entry: str) -> None:
    try:
        run_entry(entry)
    finally:
        connections.close_all()


def _after(length: timedelta) -> Combinable:
    return ExpressionWrapper(Now() + Value(length), output_field=DateTimeField())


def redrive_orphans() -> None:
    """Entry: give jobs whose worker is gone to another one."""
    sent = drive.send_orphans()
    if sent:
        log.warning("jobs.redriven", count=sent)


def clear_up() -> None:
    """Entry: drop events older than 30 days that reached everybody, and wakes that came while their job ended."""
    Wake.objects.exclude(job__in=Job.objects.unfinished()).delete()
    undelivered = Delivery.objects.exclude(state=DeliveryState.DELIVERED).values("event")
    old = OutboxEvent.objects.filter(at__lt=now() - KEEP_EVENTS).exclude(pk__in=undelivered)
    OutboxEvent.objects.filter(pk__in=list(old.values_list("pk", flat=True)[:CLEAR_AT_ONCE])).delete()
