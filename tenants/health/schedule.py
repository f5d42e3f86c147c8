"""What is done about health by the clock."""

from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db.models import Q

from portal.access.actor import Actor
from portal.admin.listing import batched
from portal.jobs.models import Job
from portal.lib.clock import now
from portal.lib.regions import load
from tenants.actions import note_health
from tenants.models import Status, Tenant

from . import actions, watch
from .measure import News, measure
from .models import Condition, Reading, Scale, Watch
from .scrape import Look, look_at

ACTOR = Actor.system("health")
AT_ONCE = 500
KEPT, WATCH_KEPT = timedelta(days=14), timedelta(days=70)


def tick() -> None:
    """Entry: look at every region's platform and measure the tenants in use there; forget those that are not."""
    for region in load(settings.REGIONS_FILE).values() if settings.REGIONS_FILE.is_file() else ():
        if region.platform_url:
            take_in(region.name, look_at(region.platform_url))
    watch.report(now())
    idle = Condition.objects.exclude(tenant__status=Status.ACTIVE)
    for pk in Tenant.objects.exclude(status=Status.ACTIVE).exclude(health_score=None).values_list("pk", flat=True):
        note_health(pk, score=None, actor=ACTOR)
    idle.delete()


def take_in(region: str, look: Look) -> None:
    """Measure the region's active tenants by one look at its platform."""
    at, scale = now(), Scale.objects.get()
    busy = _busy(at - timedelta(minutes=scale.quiet_minutes))
    here = Tenant.objects.filter(status=Status.ACTIVE, region=region).select_related("tier", "condition").order_by("pk")
    for batch in batched(here.iterator(AT_ONCE), AT_ONCE):
        plain = []
        for tenant in batch:
            is_quiet = tenant.pk in busy or _is_new(tenant, at - timedelta(minutes=scale.quiet_minutes))
            held, news = measure(tenant, look, scale, at, is_quiet)
            if news != News.NONE or actions.matters(tenant.health_score, held.score, scale):
                actions.settle(tenant, held, news, actor=ACTOR)
            else:
                plain.append(held)
        actions.keep(plain)
        watch.note([one.pk for one in batch], at, look.is_up)


def forget_old() -> None:
    """Entry: drop readings of more than two weeks ago, and hours that no open month asks for any more."""
    Reading.objects.filter(at__lt=now() - KEPT).delete()
    Watch.objects.filter(hour__lt=now() - WATCH_KEPT, is_reported=True).delete()


def _busy(since: datetime) -> set[UUID | None]:
    """Tenants on which something is, or just was, at work: what is measured then says little of it."""
    under_way = Q(pk__in=Job.objects.unfinished().values("pk")) | Q(finished_at__gt=since)
    return set(Job.objects.filter(under_way, tenant_id__isnull=False).values_list("tenant_id", flat=True))


def _is_new(tenant: Tenant, since: datetime) -> bool:
    moments = (tenant.validated_at, tenant.status_changed_at, tenant.activated_at)
    return any(moment > since for moment in moments if moment is not None)
