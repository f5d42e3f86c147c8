"""What follows from news: one that failed is said, one that is ready is told, a new erasure may have its export."""

from typing import Any
from uuid import UUID

from portal.audit.actions import record
from portal.audit.context import acting
from portal.jobs import actions as jobs
from portal.jobs.models import Job
from portal.notify.actions import notify
from portal.notify.models import Severity
from portal.notify.subscribers import page

from . import actions
from .actions import DELETE, MAKE, SYSTEM
from .models import Export, State


def job_ended(payload: dict[str, Any]) -> None:
    """Its job failed or was cancelled: nobody gets it, and what lies there is deleted by the clock."""
    job = Job.objects.filter(pk=payload["job_id"], kind=MAKE).first()
    found = Export.objects.filter(pk=job.subject_id, state=State.MAKING).first() if job else None
    if job is None or found is None:
        return
    with acting(SYSTEM):
        found.state, found.error = State.FAILED, (job.error or "It was cancelled.")[:1000]
        found.save(update_fields=["state", "error"])
        record("export.failed", found, actor=SYSTEM, reason=found.error)


def ready(payload: dict[str, Any]) -> None:
    """Who has asked for it hears that it waits, and until when."""
    found = Export.objects.select_related("tenant", "requested_by").get(pk=payload["export_id"])
    notify(
        "export.ready",
        title=f"{found} of {found.tenant.name} waits to be received",
        users=[found.requested_by, found.tenant.owner],
        severity=Severity.INFO,
        body=f"It is deleted on {found.expires_at:%d %b %Y}, or when its receipt is confirmed.",
        url=page("exports", found.pk),
        tenant_id=found.tenant_id,
        details=[("Files", str(found.files)), ("SHA-256 of its manifest", found.digest)],
        key=f"export.ready:{found.pk}",
    )


def erasure_changed(payload: dict[str, Any]) -> None:
    """A whole tenant's erasure was asked for: an export that was received shortly before counts."""
    if payload["word"] == "receive":
        with acting(SYSTEM):
            actions.settle(UUID(payload["request_id"]))


def hold_released(payload: dict[str, Any]) -> None:
    """What waited for it goes on by itself."""
    for job in Job.objects.unfinished().filter(kind=DELETE, tenant_id=payload["tenant_id"]):
        jobs.wake(job.pk)
