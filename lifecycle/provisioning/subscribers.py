"""What the lifecycle does when news arrives. Each is idempotent and runs in the dispatcher's transaction."""

from typing import Any

from lifecycle.actions.requests import let_go, start_rollback
from lifecycle.models import UNDER_WAY, State, TenantRequest
from lifecycle.news import tell
from portal.access.actor import Actor
from portal.jobs import actions as jobs
from portal.jobs.models import Job, JobState
from portal.jobs.outbox import emit

SYSTEM = Actor.system("lifecycle")
OURS = "lifecycle.tenantrequest"


def submitted(payload: dict[str, Any]) -> None:
    """A request was submitted: make its plan."""
    request = _locked(payload["request_id"])
    if request.state != State.SUBMITTED:
        return
    job = jobs.start_job(
        "provision.plan", actor=SYSTEM, subject=request, title=f"Plan {request.name}", params=_params(request)
    )
    request.plan_job_id = job.pk
    request.save(update_fields=["plan_job_id"])


def approved(payload: dict[str, Any]) -> None:
    """The last signature took effect: provision."""
    request = _of_case(payload)
    if request is None or request.state != State.PENDING_APPROVAL:
        return
    request.approve()
    job = jobs.start_job(
        "provision.apply",
        actor=SYSTEM,
        subject=request,
        title=f"Provision {request.name}",
        reason="Everyone who had to sign has signed.",
        params=_params(request),
    )
    request.job_id = job.pk
    request.save()


def ended(payload: dict[str, Any]) -> None:
    """The case ended without an approval: let go of name and money."""
    request = _of_case(payload)
    if request is None or request.state != State.PENDING_APPROVAL:
        return
    word = {"rejected": "reject", "expired": "expire"}.get(payload["state"], "void")
    getattr(request, word)()
    request.state_reason = payload.get("reason", "")[:1000]
    if word != "void":
        let_go(request)
    request.save()
    tell(request)


def job_failed(payload: dict[str, Any]) -> None:
    """A provisioning job failed or was cancelled: roll back, unless what failed is a person's to decide."""
    rows = Job.objects.select_for_update(no_key=True)  # from here on nobody resumes it
    job = rows.filter(pk=payload["job_id"], kind__startswith="provision.").first()
    if job is None or job.subject_type != OURS or job.state not in (JobState.FAILED, JobState.CANCELLED):
        return
    request = _locked(job.subject_id)
    if job.kind == "provision.roll_back":
        _rollback_failed(request, job)
        return
    if request.state in (State.APPROVED, State.SUBMITTED, *UNDER_WAY):
        request.fail()
        request.state_reason = (job.error or "cancelled")[:1000]
        request.save()
        tell(request)
    if (request.state == State.FAILED and not _is_held_back(job)) or request.state == State.EXPIRED:
        start_rollback(request, actor=SYSTEM, reason=request.state_reason[:500], failed_job=job)


def _rollback_failed(request: TenantRequest, job: Job) -> None:
    """A roll-back that could not be finished leaves it unknown what there is: name and money stay held."""
    if request.rollback_job_id != job.pk or request.state not in (State.FAILED, State.EXPIRED):
        return
    request.leave_rollback()
    detail = f"not checked: the roll-back stopped. {job.error}"[:500]
    request.remainder = [{"system": "roll-back", "resource": "", "detail": detail, "monthly_inr": None}]
    request.save()
    left = len(request.remainder)
    emit(
        "rollback.finished", {"request_id": str(request.pk), "state": request.state, "left": left, "monthly_inr": None}
    )
    tell(request)


def _is_held_back(job: Job) -> bool:
    """A compliance finding blocks and keeps the evidence; nothing is removed until a person decides."""
    step = job.steps.filter(name="validate").first()
    return bool(step and step.evidence.get("decision") in ("block", "hold"))


def _params(request: TenantRequest) -> dict[str, str]:
    return {"request_id": str(request.pk), "region": request.region}


def _locked(pk: str) -> TenantRequest:
    return TenantRequest.objects.select_for_update(of=("self",), no_key=True).get(pk=pk)


def _of_case(payload: dict[str, Any]) -> TenantRequest | None:
    if payload.get("subject_type") != OURS:
        return None
    request = _locked(payload["subject_id"])
    return request if str(request.case_id) == payload["case_id"] else None
