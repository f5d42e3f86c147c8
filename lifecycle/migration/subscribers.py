"""What a migration does when news arrives. Each is idempotent and runs in the dispatcher's transaction."""

from typing import Any
from uuid import UUID

from portal.access.actor import Actor
from portal.access.models import Role, User
from portal.audit.actions import record
from portal.jobs.models import Job, JobState
from portal.lib.clock import now
from portal.notify.actions import notify
from portal.notify.models import Severity
from portal.notify.subscribers import local, page

from . import schedule
from .models import BEFORE_SWITCH, Migration, State
from .moving import locked, move
from .recording import keep_record
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
    elif job.state == JobState.FAILED:
        _stopped(migration, job)


def _stopped(migration: Migration, job: Job) -> None:
    """Nobody works on it any more: the engineers are called, at once where it happened behind the switch."""
    if job.pk == migration.job_id and migration.state in BEFORE_SWITCH:
        move(migration, "fail", actor=SYSTEM, reason=job.error)
    else:
        migration.state_reason = job.error[:1000]
        migration.save(update_fields=["state_reason"])
    _call(
        "migration.stopped",
        {**_named(migration), "key": f"{job.pk}:{job.retries}"},
        title=f"The move of {migration.tenant.name} has stopped and waits for a person",
        severity=Severity.CRITICAL,
        body=job.error,
    )


def not_following(payload: dict[str, Any]) -> None:
    """Blue does not answer: how much would be lost with green grows, and nobody else would say so."""
    _call(
        "migration.not_following",
        {**payload, "key": f"{payload['migration_id']}:{payload['silence']}"},
        title=f"{payload['name']}: its old region does not answer and falls behind",
        severity=Severity.CRITICAL,
        body=f"If green died now, {payload['writes']} writes would be lost.",
    )


def log_retained(payload: dict[str, Any]) -> None:
    """A server keeps its log for a move that nobody reads: in the end it gives the slot up, and the copy is void."""
    _call(
        "migration.log_retained",
        {**payload, "key": f"{payload['migration_id']}:{payload['size']}"},
        title=f"{payload['name']}: {payload['size']} of a server's log wait for its move",
        severity=Severity.CRITICAL,
        body="Nobody reads what changes. Beyond max_slot_wal_keep_size the server gives the slot up, and the copy is"
        " void. See whether workers run.",
    )


def _named(migration: Migration) -> dict[str, str]:
    tenant = migration.tenant
    about = {"migration_id": str(migration.pk), "tenant_id": str(tenant.pk), "name": tenant.name}
    return {**about, "business_unit": tenant.business_unit_id}


def _call(event: str, payload: dict[str, Any], **more: Any) -> None:
    """Tell the engineers, once for each key."""
    notify(
        event,
        role=Role.PLATFORM_ENGINEER,
        where={"tenant": payload["tenant_id"], "business_unit": payload["business_unit"]},
        url=page("migrations", payload["migration_id"]),
        tenant_id=payload["tenant_id"],
        details=[("Tenant", payload["name"])],
        key=f"{event}:{payload['key']}",
        **more,
    )


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


def store_retired(payload: dict[str, Any]) -> None:
    """Blue is gone, with evidence: the move is complete, and its record says so."""
    if payload["occasion"] != "decommission":
        return
    migration = locked(UUID(payload["subject"]))
    if migration.state == State.BLUE_DECOMMISSIONED:
        move(migration, "complete", actor=SYSTEM)
        epoch = Job.objects.values_list("job_epoch", flat=True).get(pk=migration.job_id)
        keep_record(migration, "completed", actor=SYSTEM, epoch=epoch)


def _of_case(payload: dict[str, Any]) -> Migration | None:
    if payload.get("subject_type") != OURS:
        return None
    migration = locked(UUID(payload["subject_id"]))
    return migration if str(migration.case_id) == payload["case_id"] else None
