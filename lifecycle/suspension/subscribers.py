"""What follows when a tenant's status has changed."""

from typing import Any

from portal.access.actor import Actor
from portal.jobs import actions as jobs
from portal.jobs.models import Job
from tenants.models import StatusChange

from . import retention
from .jobs import KINDS, NAMES

SYSTEM = Actor.system("lifecycle")


def tenant_changed(payload: dict[str, Any]) -> None:
    """Start the job that takes the change to every system, and plan what the clock brings after it."""
    if "status_version" not in payload:
        return
    change = StatusChange.objects.select_related("tenant__tier").get(pk=payload["status_version"])
    kind = KINDS.get((change.old, change.new))
    if kind is None:
        return
    earlier = list(Job.objects.unfinished().filter(kind__in=NAMES, tenant_id=change.tenant_id))
    jobs.start_job(
        kind.name,
        actor=SYSTEM,
        subject=change.tenant,
        title=f"{kind.title}: {change.tenant.name}",
        reason=change.reason,
        params={"tenant_id": str(change.tenant_id), "status_version": change.version},
    )
    for job in earlier:  # one that pauses between two attempts sees at once that it is overtaken
        jobs.wake(job.pk)
    retention.plan(change.tenant, change.version)
