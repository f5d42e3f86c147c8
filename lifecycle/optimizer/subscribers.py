"""What follows from signatures, and from a scan that failed. Safe to repeat."""

from typing import Any
from uuid import UUID

from lifecycle.estate.stacks import STANDING
from portal.audit.actions import record
from portal.jobs import actions as jobs
from portal.lib.clock import now
from tenants.queries import tenant_by_id

from .actions import SYSTEM, content_digest, locked_change
from .models import Finding, FindingChange, Outcome, Scan, State

OURS = "optimizer.findingchange"
WORDS = {"rejected": "reject", "expired": "expire", "cancelled": "cancel"}


def approved(payload: dict[str, Any]) -> None:
    """The change may be applied, if the finding still says what was signed."""
    change = _of_case(payload, State.PENDING_APPROVAL)
    if change is None:
        return
    finding = change.finding
    if finding.state == Finding.State.RESOLVED or content_digest(finding) != change.digest:
        change.void("The finding says something else by now.")
    else:
        change.approve()
        _have_it_done(change)
    _saved(change)


def _have_it_done(change: FindingChange) -> None:
    """Where the resource is of a tenant of ours a job changes its stack; else whoever runs Terraform does."""
    tenant = tenant_by_id(_uuid(change.finding.tenant))
    if tenant is None or tenant.status not in STANDING or tenant.region != change.finding.region:
        return
    params = {"change_id": str(change.pk), "tenant_id": str(tenant.pk), "region": tenant.region}
    why = "Everyone who had to sign has signed."
    job = jobs.start_job(
        "optimizer.carry_out", actor=SYSTEM, subject=change, title=str(change)[:200], reason=why, params=params
    )
    change.job_id = job.pk


def _uuid(said: str) -> UUID:
    try:
        return UUID(said)
    except ValueError:
        return UUID(int=0)


def ended(payload: dict[str, Any]) -> None:
    """The case ended without an approval, or lost the one it had."""
    change = _of_case(payload, State.PENDING_APPROVAL, State.APPROVED)
    if change is None:
        return
    word = WORDS.get(payload["state"], "void")
    if change.state == State.APPROVED and word in ("reject", "expire"):
        word = "void"
    getattr(change, word)(payload.get("reason", ""))
    _saved(change)


def _saved(change: FindingChange) -> None:
    change.save()
    record(f"finding_change.{change.state}", change, actor=SYSTEM, reason=change.state_reason)


def _of_case(payload: dict[str, Any], *states: State) -> FindingChange | None:
    if payload.get("subject_type") != OURS:
        return None
    change = locked_change(payload["subject_id"])
    return change if str(change.case_id) == payload["case_id"] and change.state in states else None


def job_failed(payload: dict[str, Any]) -> None:
    """A scan whose job failed has failed, and the next one may begin; a change that could not be made says why."""
    if payload.get("subject_type") == OURS:
        change = locked_change(payload["subject_id"])
        change.state_reason = payload["error"][:500]
        change.save()
        return
    scan = Scan.objects.select_for_update().filter(job_id=payload["job_id"], outcome=Outcome.RUNNING).first()
    if scan is not None:
        scan.outcome, scan.finished_at = Outcome.FAILED, now()
        scan.save()
        record("optimizer.scan_failed", scan, actor=SYSTEM)
