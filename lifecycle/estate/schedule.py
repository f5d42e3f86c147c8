"""By the clock: every tenant is compared once a day, every region searched, last days are watched.

A look that failed is tried again after an hour; it holds up no other tenant's, and does not pause the next day's.
"""

from datetime import timedelta

import structlog
from django.db import DatabaseError

from lifecycle.provisioning.judgement import connected_regions
from portal.access.actor import Actor
from portal.jobs import actions as jobs
from portal.jobs.models import Job, JobState
from portal.lib.clock import now
from portal.lib.errors import Refusal
from tenants.models import Status, Tenant

from .endings import look_at, near_their_end
from .jobs import COMPARE, SEARCH

log = structlog.get_logger(__name__)
SYSTEM = Actor.system("estate")
DAILY, AGAIN = timedelta(hours=24), timedelta(hours=1)
AT_ONCE = 2


def tick() -> None:
    """Start what is due, a few at a time; who waits longest comes first."""
    compare_due()
    search_due()


def compare_due() -> None:
    mine = Job.objects.filter(kind=COMPARE.name)
    free = AT_ONCE - mine.unfinished().count()
    if free <= 0:
        return
    at = now()
    looked = mine.filter(state=JobState.SUCCEEDED, created_at__gt=at - DAILY)
    tried = mine.filter(created_at__gt=at - AGAIN)
    done = {*looked.values_list("tenant_id", flat=True), *tried.values_list("tenant_id", flat=True)}
    rows = Tenant.objects.filter(status__in=(Status.ACTIVE, Status.SUSPENDED), region__in=connected_regions())
    last = dict(mine.order_by("created_at").values_list("tenant_id", "created_at"))
    due = sorted((one for one in rows if one.pk not in done), key=lambda one: (one.pk in last, last.get(one.pk)))
    for tenant in due[:free]:
        params = {"tenant_id": str(tenant.pk), "region": tenant.region}
        jobs.start_job(COMPARE.name, actor=SYSTEM, subject=tenant, title=f"Compare {tenant.name}", params=params)


def search_due() -> None:
    at = now()
    mine = Job.objects.filter(kind=SEARCH.name)
    recent = mine.filter(created_at__gt=at - AGAIN) | mine.filter(state=JobState.SUCCEEDED, created_at__gt=at - DAILY)
    done = {job.params.get("region") for job in [*recent, *mine.unfinished()]}
    for region in connected_regions():
        if region not in done:
            title = f"Search {region} for strangers"
            jobs.start_job(SEARCH.name, actor=SYSTEM, subject=None, title=title, params={"region": region})


def watch_endings() -> None:
    """Each tenant in a transaction of its own; one that is refused holds up no other and is tried again."""
    for tenant, at in near_their_end():
        try:
            look_at(tenant, at, actor=SYSTEM)
        except (Refusal, DatabaseError) as error:
            log.warning("estate.ending_held_up", tenant_id=str(tenant.pk), why=str(error))
