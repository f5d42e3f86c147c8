"""What happens by the clock: systems that could not be brought to their tenant's status are tried again."""

from datetime import timedelta

from django.db.models import Exists, OuterRef

from portal.access.actor import Actor
from portal.jobs import actions as jobs
from portal.jobs.models import Job, JobState
from portal.lib.clock import now
from tenants.queries import tenant_by_id

from .jobs import NAMES, RESTORE

AGAIN = timedelta(hours=1)


def tick() -> None:
    """Start again, an hour after it failed, what is the last word on a tenant's systems. Each failure alerts anew."""
    ours = Job.objects.filter(kind__in=NAMES)
    later = ours.filter(tenant_id=OuterRef("tenant_id"), created_at__gt=OuterRef("created_at"))
    failed = ours.filter(state=JobState.FAILED, finished_at__lt=now() - AGAIN).exclude(Exists(later))
    for tenant_id in failed.values_list("tenant_id", flat=True):
        tenant = tenant_by_id(tenant_id) if tenant_id else None
        if tenant is not None:
            jobs.start_job(
                RESTORE.name,
                actor=Actor.system("schedule"),
                subject=tenant,
                title=f"{RESTORE.title}: {tenant.name}",
                params={"tenant_id": str(tenant.pk)},
            )
