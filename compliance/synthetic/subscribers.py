"""What follows from news: the run goes on when its erasure does, and who must hear that it did not pass."""

from typing import Any
from uuid import UUID

from portal.access.models import Role
from portal.jobs import actions as jobs
from portal.jobs.models import Job
from portal.notify.actions import notify
from portal.notify.models import Severity
from portal.notify.subscribers import page

from .actions import SYSTEM, conclude
from .models import Sandbox, State, SyntheticErasure
from .queries import KIND, passed_at, running_of

HEAR = (Role.COMPLIANCE_OFFICER, Role.PLATFORM_ADMIN)
Payload = dict[str, Any]


def erasure_changed(payload: Payload) -> None:
    """Wake the run whose erasure has gone on."""
    run = running_of(payload["request_id"])
    if run is not None and run.job_id is not None:
        jobs.wake(run.job_id)


def job_ended(payload: Payload) -> None:
    """A run whose job could not go on has failed, for that reason."""
    run = SyntheticErasure.objects.filter(job_id=payload["job_id"], state=State.RUNNING).first()
    if payload["kind"] == KIND and run is not None:
        why = Job.objects.values_list("error", flat=True).get(pk=payload["job_id"])
        conclude(run.pk, [], f"Its job ended: {why or 'it was cancelled'}", actor=SYSTEM)


def concluded(payload: Payload) -> None:
    """One that failed is an alarm; one that passed is on its page."""
    run = SyntheticErasure.objects.select_related("sandbox__tenant").get(pk=payload["run_id"])
    if run.state == State.FAILED:
        title = f"The synthetic erasure of {run.month} in {run.sandbox.region} failed: erasures may not work there"
        _tell("synthetic.failed", title, run.why, page("synthetic-erasures", run.pk), f"{run.pk}")


def overdue(payload: Payload) -> None:
    row = Sandbox.objects.select_related("tenant").get(pk=UUID(payload["sandbox_id"]))
    last = passed_at(row)
    since = f"since {last:%d %b %Y}" if last else "yet"
    title = f"The synthetic erasure of {row.region} is overdue: none has passed {since}"
    _tell("synthetic.overdue", title, "", page("sandboxes", row.pk), f"{row.pk}:{payload['on']}")


def untried(payload: Payload) -> None:
    region = payload["region"]
    title = f"No erasure is tried in {region}: it has tenants, and no sandbox"
    about = f"{region}:{payload['week']}"
    _tell("synthetic.untried", title, "Name a tenant that holds nobody's data.", "/sandboxes/", about)


def _tell(event: str, title: str, body: str, url: str, about: str) -> None:
    for role in HEAR:
        notify(
            event,
            title=title,
            role=role,
            severity=Severity.CRITICAL,
            body=body,
            url=url,
            key=f"{event}:{about}:{role}",
        )
