"""What a migration does when news arrives. Each is idempotent and runs in the dispatcher's transaction."""

from typing import Any
from uuid import UUID

from portal.access.actor import Actor
from portal.access.models import User
from portal.audit.actions import record
from portal.jobs.models import Job, JobState
from portal.lib.clock import now
from portal.notify.actions import notify
from portal.notify.models import Severity
from portal.notify.subscribers import local, page

from . import schedule
from .models import BEFORE_SWITCH, Migration, State
from .moving import locked, move
from .windows.models import Window

SYSTEM = Actor.system("migration")
OURS = "migration.migration"
NEWS = {
    State.INITIATED: (Severity.INFO, "is to be moved to another region; this is its notice"),
    State.TRAFFIC_CUTOVER_COMPLETE: (Severity.INFO, "is served from its new region"),
    State.PAUSED: (Severity.INFO, "is not being moved for now"),
    State.FAILED: (Severity.WARNING, "could not be moved on; it is served as before"),
    State.ROLLED_BACK: (Severity.WARNING, "stays where it was: its move was rolled back"),
    State.COMPLETED: (Severity.INFO, "has been moved"),
}


def approved(payload: dict[str, Any]) -> None:
    """The last signature took effect: the move may be started."""
    migration = _of_case(payload)
    if migration is None or migration.state != State.INITIATED or migration.approved_at:
        return
    migration.approved_at = now()
    migration.save(update_fields=["approved_at"])
    record("migration.approved", migration, actor=SYSTEM)


def ended(payload: dict[str, Any]) -> None:
    """The case ended without an approval: so does the move, which has touched nothing."""
    migration = _of_case(payload)
    if migration is not None and migration.state == State.INITIATED:
        why = payload.get("reason") or f"The approval was {payload['state']}."
        move(migration, "cancel", actor=SYSTEM, reason=why)


def job_failed(payload: dict[str, Any]) -> None:
    """A job of a move failed, or was cancelled and is being undone: the move says so."""
    if payload["subject_type"] != OURS:
        return
    job = Job.objects.get(pk=payload["job_id"])
    migration = locked(UUID(job.subject_id))
    if payload["compensation"] and job.pk == migration.job_id:
        migration.rollback_job_id = UUID(payload["compensation"])
        migration.save(update_fields=["rollback_job_id"])
    elif job.state == JobState.FAILED and job.pk == migration.job_id and migration.state in BEFORE_SWITCH:
        move(migration, "fail", actor=SYSTEM, reason=job.error)
    elif job.state == JobState.FAILED:
        migration.state_reason = job.error[:1000]
        migration.save(update_fields=["state_reason"])


def changed(payload: dict[str, Any]) -> None:
    """Tell the tenant's people where its move stands, in the states that matter to them."""
    news = NEWS.get(payload["state"])
    if news is None:
        return
    severity, words = news
    notify(
        "migration.changed",
        title=f"{payload['name']} {words}",
        users=list(User.objects.filter(pk__in=payload["users"])),
        severity=severity,
        body=payload["reason"],
        url=page("migrations", payload["migration_id"]),
        tenant_id=payload["tenant_id"],
        details=[("Tenant", payload["name"]), *_window(payload)],
        key=f"migration.{payload['state']}:{payload['migration_id']}:{payload['at']}",
    )


def _window(payload: dict[str, Any]) -> list[tuple[str, str]]:
    """What the notice is about: from when until when at the latest there is no service."""
    window = Window.objects.filter(pk=payload["migration_id"], opened_at=None).first()
    return [("Without service", f"{local(window.starts_at)} to {local(window.ends_at)} at most")] if window else []


def fence_reported(payload: dict[str, Any]) -> None:
    """A router stands before a fence: the watchdog's clock runs from now on. Its own tick decides, and nothing here."""
    for migration in schedule.under_way().filter(tenant_id=payload["tenant_id"]):
        schedule.shut(migration)


def _of_case(payload: dict[str, Any]) -> Migration | None:
    if payload.get("subject_type") != OURS:
        return None
    migration = locked(UUID(payload["subject_id"]))
    return migration if str(migration.case_id) == payload["case_id"] else None
