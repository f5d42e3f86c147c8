"""Sends jobs that are due to the workers. The queue is only a hint: what is lost there is sent again from here."""

import functools
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

import redis
import structlog
from bailiwick_client.redis_at import connect
from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from kombu.exceptions import OperationalError as BrokerError
from redis.backoff import NoBackoff
from redis.retry import Retry

from portal.lib.clock import now
from portal.lib.composed import composed

from . import lease
from .models import IDLE, WORKED_ON, Job, JobQuerySet, JobState, Wake
from .tasks import run_job

log = structlog.get_logger(__name__)
RESEND, AHEAD = timedelta(seconds=30), 100
CROWD, TOGETHER = 32, 4  # where so many wait for workers, one message is for several: it is the message that costs
MARK = "bailiwick:queue"  # in the queue's Redis as long as it has lost nothing


class BrokerDown(Exception):
    """The queue could not be reached; nothing is lost, the jobs stay due."""


def mind_the_queue() -> None:
    """Make whatever was sent due again if the queue has lost its contents since."""
    try:
        if not _queue(settings.REDIS_URL).exists(MARK):
            sent = Job.objects.exclude(driven_at=None).update(driven_at=None)
            _queue(settings.REDIS_URL).set(MARK, "kept")  # last: who dies before it has only sent twice
            log.info("dispatch.queue_is_new", sends_again=sent)
    except redis.RedisError as error:
        raise BrokerDown(str(error)) from error


def send_due(limit: int = 200) -> int:
    """Send each due job to a worker once; returns how many. One that no worker took is due again after RESEND.

    No more than AHEAD wait in the queue: what was begun first goes on first, and none is sent again only for waiting.
    """
    with transaction.atomic():
        at, lately = now(), now() - RESEND
        ahead = len(_in_the_queue(lately))
        if (limit := min(limit, AHEAD - ahead)) <= 0 or not (chosen := _oldest(limit)(at, lately)):
            return 0
        Job.objects.filter(pk__in=chosen).update(driven_at=now())
    _send(chosen, TOGETHER if ahead + len(chosen) >= CROWD else 1)
    return len(chosen)


def send_orphans() -> int:
    """Send each job whose worker is gone to another; returns how many."""
    gone = lease.orphans()
    with transaction.atomic():
        rows = Job.objects.filter(pk__in=gone, state__in=WORKED_ON).filter(_not_sent(now() - RESEND))
        chosen = list(rows.select_for_update(skip_locked=True, no_key=True).values_list("pk", flat=True))
        Job.objects.filter(pk__in=chosen).update(driven_at=now())
    _send(chosen)
    return len(chosen)


def next_due_at() -> datetime | None:
    """When the next waiting job is due by the clock."""
    return next(iter(_next_wake(now())), None)


@composed
def _next_wake(after: datetime) -> QuerySet[Job, datetime]:
    waiting = Job.objects.filter(state__in=IDLE, wake_at__gt=after).order_by("wake_at")
    return waiting.values_list("wake_at", flat=True)[:1]


@composed
def _in_the_queue(since: datetime) -> QuerySet[Job, UUID]:
    return Job.objects.filter(state__in=IDLE, driven_at__gte=since).order_by().values_list("pk", flat=True)


@functools.cache
def _queue(url: str) -> redis.Redis:
    return connect(url, socket_timeout=5, socket_connect_timeout=5, retry=Retry(NoBackoff(), 1))


@functools.cache
def _oldest(limit: int) -> Callable[[datetime, datetime], list[UUID]]:
    """The question for so many of those that are due, composed."""

    @composed
    def oldest(at: datetime, since: datetime) -> QuerySet[Job, UUID]:
        rows = _due(at, since).select_for_update(skip_locked=True, no_key=True).order_by("created_at")
        return rows.values_list("pk", flat=True)[:limit]

    return oldest


def _due(at: datetime, since: datetime) -> JobQuerySet:
    """Jobs that are due at an instant and were not sent since another."""
    by_clock = Q(state=JobState.QUEUED, wake_at=None) | Q(wake_at__lte=at)
    woken = Exists(Wake.objects.filter(job=OuterRef("pk")))
    due: JobQuerySet = Job.objects.filter(by_clock | woken, _not_sent(since), state__in=IDLE)
    return due


def _not_sent(since: datetime) -> Q:
    return Q(driven_at=None) | Q(driven_at__lt=since)


def _send(job_ids: Sequence[UUID], together: int = 1) -> None:
    for position in range(0, len(job_ids), together):
        try:
            some = [str(job_id) for job_id in job_ids[position : position + together]]
            run_job.apply_async(some, retry=False, ignore_result=True)
        except (BrokerError, OSError) as error:
            Job.objects.filter(pk__in=job_ids[position:], state__in=(*IDLE, *WORKED_ON)).update(driven_at=None)
            raise BrokerDown(str(error)) from error
