"""What follows when a hold was placed or released."""

from typing import Any
from uuid import UUID

from lifecycle.suspension import retention
from portal.access.actor import Actor
from portal.jobs import actions as jobs
from portal.jobs.models import Job
from tenants.models import Tenant

from .jobs import FENCE

SYSTEM = Actor.system("holds")


def fence(payload: dict[str, Any]) -> None:
    """Start the job that tells every store. It needs no lease: a hold wins over everything."""
    tenant = Tenant.objects.get(pk=payload["tenant_id"])
    earlier = list(Job.objects.unfinished().filter(kind=FENCE.name, tenant_id=tenant.pk))
    jobs.start_job(
        FENCE.name,
        actor=SYSTEM,
        subject=tenant,
        title=f"{FENCE.title}: {tenant.name}",
        params={"tenant_id": str(tenant.pk)},
    )
    for job in earlier:
        jobs.wake(job.pk)


def released(payload: dict[str, Any]) -> None:
    """Let what waited for the release look again: jobs of the tenant, and the end that its retention had planned."""
    tenant_id = UUID(payload["tenant_id"])
    for job in Job.objects.unfinished().filter(tenant_id=tenant_id):
        jobs.wake(job.pk)
    retention.look_again(tenant_id)
