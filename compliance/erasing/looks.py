"""Who looks for whom: of all jobs that wait for a look one looks at a time, and it looks for all of them.

A worker that dies leaves what it took to the next attempt of its job, which takes it at once, and to all after TAKEN.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Max, Q

from portal.jobs import actions as jobs
from portal.jobs.models import Job
from portal.lib.clock import now

from .models import RUNNING, ErasureRequest, Look

MOST, CROWD, GATHER = 64, 12, timedelta(seconds=10)  # that one look is for; that are under way; and may wait for it
TAKEN = timedelta(seconds=120)  # as long as the job's own lease; its next attempt takes them at once
LATER = timedelta(seconds=30)
FRESH = timedelta(minutes=5)  # a look that was read later than this is none: a hold may have come between


@transaction.atomic
def wish(job_id: UUID, request_id: UUID, stage: str) -> Look:
    """The job's wish at this stage, with what was seen for it, where somebody has looked lately."""
    _one_at_a_time()
    row = Look.objects.filter(pk=job_id).first()
    if row is not None and (row.stage != stage or (row.seen_at is not None and row.seen_at < now() - FRESH)):
        row.delete()
        row = None
    return row or Look.objects.create(job_id=job_id, request_id=request_id, stage=stage)


def gathers_until(row: Look) -> datetime | None:
    """Until when a wish waits for others to come with it; None: it is looked for at once.

    Only in a crowd, and right after a look: a worker that looked again and again for a few would do nothing else. Once
    more than half of it waits there is little else to do.
    """
    waiting = Look.objects.filter(seen_at=None)
    last: datetime | None = Look.objects.aggregate(at=Max("seen_at"))["at"]
    has_waited = row.asked_at < now() - 2 * GATHER
    if last is None or has_waited or last + GATHER <= now():
        return None
    crowd, many = ErasureRequest.objects.filter(state__in=RUNNING).count(), waiting.count()
    if crowd < CROWD or many >= MOST or 2 * many > crowd:
        return None
    first: Look | None = waiting.first()
    return last + GATHER if row == first else now() + LATER  # one comes back to look, and wakes the others


@transaction.atomic
def take(job_id: UUID) -> list[Look]:
    """All wishes that nobody looks for, the job's own first; none while another job is looking."""
    _one_at_a_time()
    open_ones = Look.objects.filter(seen_at=None)
    if open_ones.filter(taken_until__gt=now()).exclude(taken_by=job_id).exists():
        return []
    Look.objects.exclude(job_id__in=Job.objects.unfinished().values("pk")).delete()
    others = open_ones.exclude(pk=job_id).select_related("request")
    found = [*open_ones.filter(pk=job_id).select_related("request"), *others[: MOST - 1]]
    Look.objects.filter(pk__in=[one.pk for one in found]).update(taken_by=job_id, taken_until=now() + TAKEN)
    return found


def hold_on(job_id: UUID) -> None:
    """Say that the job is still looking."""
    Look.objects.filter(taken_by=job_id, seen_at=None).update(taken_until=now() + TAKEN)


@transaction.atomic
def keep(job_id: UUID, seen: Mapping[UUID, Any], at: datetime) -> None:
    """Leave what was seen to the jobs it was looked for, and wake them; who came meanwhile is the next to look.

    `at` is when the look ended.
    """
    _one_at_a_time()
    mine = Look.objects.select_for_update().filter(Q(taken_by=job_id) | Q(pk=job_id), seen_at=None)
    for row in mine:
        row.taken_by = row.taken_until = None
        if row.pk in seen:
            row.seen, row.seen_at = seen[row.pk], at
        row.save()
        if row.pk != job_id:
            jobs.wake(row.pk)
    following = Look.objects.filter(seen_at=None).exclude(pk__in=seen).first()
    if following is not None:
        jobs.wake(following.pk)


def forget(job_id: UUID) -> None:
    """The job has read it."""
    Look.objects.filter(pk=job_id).delete()


def _one_at_a_time() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended('erasing.looks', 0))")
