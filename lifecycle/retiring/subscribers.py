"""What a retirement does when news arrives."""

from typing import Any

from portal.jobs import actions as jobs
from portal.jobs.models import Job

from .actions import KIND


def hold_released(payload: dict[str, Any]) -> None:
    """What waited for it goes on by itself; it asks every store again."""
    for job in Job.objects.unfinished().filter(kind=KIND, tenant_id=payload["tenant_id"]):
        jobs.wake(job.pk)
