"""What people do with a tenant request: draft, submit, cancel, tick the checklist, accept, roll back."""

from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django_fsm import TransitionNotAllowed

from compliance.actions import keep_verdicts
from lifecycle.models import State, TenantRequest, Ticket
from lifecycle.news import tell
from lifecycle.provisioning.judgement import Judgement, judge, refusal_text
from portal.access import policy
from portal.access.actor import Actor
from portal.approvals import actions as approvals
from portal.audit.actions import record
from portal.audit.context import action
from portal.jobs import actions as jobs
from portal.jobs.models import Job, JobState
from portal.jobs.outbox import emit
from portal.lib.clock import now
from portal.lib.errors import Absent, Conflict, Invalid, NotAllowed
from tenants import actions as registry
from tenants import envelopes
from tenants.models import RESERVED_NAMES, BusinessUnit


@action
def create(*, actor: Actor, submit_now: bool = True, **fields: Any) -> TenantRequest:
    """Create a request as a draft and, unless told otherwise, submit it. A refusal leaves nothing behind."""
    if actor.user is None:
        raise NotAllowed("A request is made by a person.")
    unit: BusinessUnit = fields["business_unit"]
    policy.require(actor, "request.create", unit)
    request = TenantRequest(requested_by=actor.user, **{"cost_centre": unit.cost_centre, **fields})
    _check_shape(request)
    request.save(force_insert=True)
    record("request.drafted", request, actor=actor, reason=request.justification)
    return submit(request.pk, actor=actor) if submit_now else request


def _check_shape(request: TenantRequest) -> None:
    if request.name in RESERVED_NAMES or "--" in request.name:
        raise Invalid(fields={"name": "is reserved; choose another one, without two hyphens in a row"})
    if not request.tier.is_offered:
        raise Invalid(fields={"tier": "is not offered any more"})
    if request.annual_budget_inr <= 0:
        raise Invalid(fields={"annual_budget_inr": "must be above ₹0.00"})
    if request.expires_on and request.expires_on <= now().date():
        raise Invalid(fields={"expires_on": "must lie in the future"})
    try:
        request.full_clean(exclude=["state"])
    except ValidationError as error:
        raise Invalid(fields={name: " ".join(texts) for name, texts in error.message_dict.items()}) from error


@action
def submit(request_id: UUID, *, actor: Actor) -> TenantRequest:
    """Judge the request by every rule, hold its name and its money, and have the plan made."""
    request = _locked(request_id, actor, "request.create")
    if actor.user is None or actor.user.pk != request.requested_by_id:
        raise NotAllowed("Who wrote the request submits it: they are the one who cannot sign it.", code="not-yours")
    judgement = judge(request, tier=request.tier)
    if judgement.refused:
        raise Invalid(
            refusal_text(judgement.refused),
            code="policy-refused",
            rules=[
                {"rule": f.rule_id, "version": f.rule_version, "title": f.title, "remedy": f.remedy}
                for f in judgement.refused
            ],
        )
    _move(request, "submit")
    take_judgement(request, judgement)
    registry.reserve_name(request.name, request.tenant_id)
    envelopes.reserve(
        request.business_unit_id,
        holder_id=request.pk,
        tenant_id=request.tenant_id,
        amount_inr=judgement.counted_inr,
    )
    request.save()
    keep_verdicts(request, request.tenant_id, judgement.findings)
    record(
        "request.submitted", request, actor=actor, reason=request.justification, data={"amount": judgement.counted_inr}
    )
    emit("request.submitted", {"request_id": str(request.pk)})
    return request


def take_judgement(request: TenantRequest, judgement: Judgement) -> None:
    """Copy onto the request what the rules and prices said."""
    request.estimate = judgement.estimate.as_json()
    request.counted_inr = judgement.counted_inr
    request.manual_reasons = list(judgement.manual_reasons)
    request.placement = {
        "providers": judgement.placement.providers,
        "profiles": list(judgement.placement.profiles),
        "requires": judgement.placement.requires,
    }


@action
def cancel(request_id: UUID, *, actor: Actor, reason: str) -> TenantRequest:
    """Withdraw a request nobody has approved yet."""
    request = _locked(request_id, actor, "request.cancel")
    _need_reason(reason)
    has_open_case = request.state == State.PENDING_APPROVAL  # the case of a voided approval is closed already
    _move(request, "cancel", reason)
    let_go(request)
    request.save()
    record("request.cancelled", request, actor=actor, reason=reason)
    if has_open_case and request.case_id:
        approvals.cancel_case(request.case_id, actor=Actor.system("requests"), reason=reason)
    tell(request)
    return request


def let_go(request: TenantRequest) -> None:
    """Give back what a request that came to nothing was holding."""
    registry.release_name(request.tenant_id)
    envelopes.release(request.pk)


@action
def accept(request_id: UUID, *, actor: Actor, reason: str) -> TenantRequest:
    """The champion confirms that the validated tenant is what was asked for; activation follows."""
    request = _locked(request_id, actor, "request.accept")
    if actor.user is None or actor.user.pk != request.champion_id or actor.user.is_superuser:
        raise NotAllowed("Only the champion named in the request accepts the tenant.")
    if request.state != State.AWAITING_CHAMPION:
        raise Conflict(f"Nothing waits for the champion: the request is {request.get_state_display()}.")
    if request.champion_due_at and now() > request.champion_due_at:
        raise Conflict("The time to accept has passed; the tenant is being rolled back.")
    if request.accepted_at is None:
        request.accepted_by, request.accepted_at = actor.user, now()
        request.save()
        record("request.accepted", request, actor=actor, reason=reason)
        if request.job_id:
            jobs.wake(request.job_id)
    return request


@action
def tick_item(request_id: UUID, index: int, *, actor: Actor, reason: str) -> Ticket:
    """Mark one line of the manual checklist as done; the last one lets the job go on."""
    request = _locked(request_id, actor, "request.manual")
    ticket = Ticket.objects.select_for_update().filter(request=request, closed_at=None).first()
    if ticket is None:
        raise Conflict("No manual set-up is open for this request.")
    if not 0 <= index < len(ticket.items):
        raise Invalid(fields={"item": f"a number from 0 to {len(ticket.items) - 1}"})
    _need_reason(reason)
    item = ticket.items[index]
    if not item["done_by"]:
        item.update(done_by=actor.id, done_at=now().isoformat(), note=reason)
    if all(line["done_by"] for line in ticket.items):
        ticket.closed_at = now()
    ticket.save()
    record("ticket.item_done", request, actor=actor, reason=reason, data={"item": item["text"]})
    if ticket.closed_at and request.job_id:
        jobs.wake(request.job_id)
    return ticket


@action
def roll_back(request_id: UUID, *, actor: Actor, reason: str, confirmed: bool = False) -> TenantRequest:
    """Remove whatever a failed or expired request has created; also tries an incomplete roll-back again."""
    request = _locked(request_id, actor, "request.roll_back")
    _need_reason(reason)
    if request.state not in (State.FAILED, State.EXPIRED, State.ROLLBACK_INCOMPLETE):
        raise Conflict(f"A request that is {request.get_state_display()} is not rolled back.")
    failed_job = _stopped_job(request)
    start_rollback(request, actor=actor, reason=reason, confirmed=confirmed, failed_job=failed_job)
    return request


def _stopped_job(request: TenantRequest) -> Job | None:
    """The job to be undone, which then cannot be resumed any more; None when it is being undone already.

    A person may have resumed it a moment ago: what is being built is not taken down underneath.
    """
    wanted = Job.objects.filter(pk=request.job_id or request.plan_job_id)
    if not wanted.exists() or Job.objects.filter(compensates__in=wanted).exists():
        return None
    job = wanted.select_for_update(no_key=True, skip_locked=True).first()  # a step locks its job before the request
    if job is None or not job.is_finished:
        raise Conflict("Its job goes on again; cancel the job first.", code="job-not-finished")
    return job if job.state == JobState.FAILED else None


def start_rollback(
    request: TenantRequest, *, actor: Actor, reason: str, confirmed: bool = False, failed_job: Job | None = None
) -> None:
    """Start the compensating job, unless one is already under way. Runs in the caller's transaction."""
    if Job.objects.unfinished().filter(pk=request.rollback_job_id).exists():
        return
    job = jobs.start_job(
        "provision.roll_back",
        actor=actor,
        subject=request,
        title=f"Roll back {request.name}",
        reason=reason,
        params={"request_id": str(request.pk), "region": request.region, "confirmed": confirmed},
        compensates=failed_job,
    )
    request.rollback_job_id = job.pk
    request.save()


def _locked(request_id: UUID, actor: Actor, verb: str) -> TenantRequest:
    request = (
        TenantRequest.objects.visible_to(actor)
        .select_for_update(of=("self",), no_key=True)
        .select_related("tier", "business_unit")
        .filter(pk=request_id)
        .first()
    )
    if request is None:
        raise Absent("There is no such request.")
    policy.require(actor, verb, request)
    return request


def _move(request: TenantRequest, word: str, reason: str = "") -> None:
    try:
        getattr(request, word)()
    except TransitionNotAllowed:
        state = request.get_state_display()
        raise Conflict(f"A request that is {state} cannot {word.replace('_', ' ')}.", code="wrong-state") from None
    request.state_reason = reason


def _need_reason(reason: str) -> None:
    if not reason.strip():
        raise Invalid(fields={"reason": "say why; it is kept in the record"})
