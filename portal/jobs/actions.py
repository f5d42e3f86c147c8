"""What people and subscribers do to jobs. Each verb is one transaction: lock, policy, transition, audit, news."""

from typing import Any
from uuid import UUID

from django.db import models, transaction

from portal.access import policy
from portal.access.actor import Actor
from portal.audit.actions import record
from portal.audit.context import acting, action
from portal.lib.clock import now
from portal.lib.errors import Absent, Conflict, Invalid

from . import creation, endings, kinds, outbox
from .models import (
    STEP_DONE,
    Delivery,
    DeliveryState,
    Job,
    JobState,
    LeaseRule,
    Step,
    StepState,
    Wake,
)
from .text import plain


@action
def start_job(
    kind: str,
    *,
    actor: Actor,
    subject: models.Model | None,
    tenant_id: UUID | None = None,
    business_unit: str = "",
    resource_class: str = "",
    title: str = "",
    reason: str = "",
    params: dict[str, Any] | None = None,
    compensates: Job | None = None,
    only: set[str] | None = None,
) -> Job:
    """Queue a job of `kind` about `subject`; a worker begins it within milliseconds of the commit.

    Who may start it is the calling action's question. Tenant and business unit default to the subject's own.
    `compensates` names the failed job that this one undoes; that one can then no longer be resumed. `only` names the
    steps that it has, where it does not have them all.
    """
    definition = kinds.get(kind)
    scope = subject.access_scope() if subject is not None and hasattr(subject, "access_scope") else {}
    return creation.create(
        definition,
        actor=actor,
        reason=reason,
        title=(title or definition.title or kind)[:200],
        tenant_id=tenant_id or scope.get("tenant") or None,
        business_unit=business_unit or scope.get("business_unit") or "",
        subject_type=subject._meta.label_lower if subject is not None else "",
        subject_id=str(subject.pk) if subject is not None else "",
        resource_class=resource_class or definition.resource_class,
        params=plain(params or {}),
        compensates=compensates,
        only=only,
    )


@action
def cancel_job(job_id: UUID, *, actor: Actor, reason: str) -> Job:
    """Stop a job: at once if no worker is inside a step, else at the step's next boundary. Then compensate it."""
    job = _locked(job_id)
    policy.require(actor, "job.operate", job)
    if job.is_finished or job.state == JobState.CANCELLING:
        raise Conflict(f"The job is {job.get_state_display()}; there is nothing to cancel.", code="job-not-running")
    kind = kinds.find(job.kind)
    if kind and not kind.is_cancellable:
        raise Conflict("This kind of job runs to its end once started.", code="job-not-cancellable")
    record("job.cancel", job, actor=actor, reason=reason, data={"state": job.state})
    if job.state == JobState.RUNNING:
        job.request_cancel()
        job.save()
    else:
        endings.cancelled(job)
    return job


@action
def resume_job(job_id: UUID, *, actor: Actor, reason: str) -> Job:
    """Queue a failed job again at its first unfinished step. Refused once its compensation has begun."""
    job = _locked(job_id)
    policy.require(actor, "job.operate", job)
    if job.state != JobState.FAILED:
        raise Conflict(
            f"The job is {job.get_state_display()}; only a failed job can be resumed.", code="job-not-failed"
        )
    if Job.objects.filter(compensates=job).exists():
        raise Conflict("The job is already being undone; start a new one.", code="job-compensated")
    job.resume()
    job.save()
    again = job.steps.exclude(state__in=STEP_DONE)
    again.update(state=StepState.PENDING, failures=0, losses=0, error="", finished_at=None)
    record("job.resume", job, actor=actor, reason=reason, data={"retries": job.retries})
    outbox.ring()
    return job


def retry_step(job_id: UUID, step: str, *, actor: Actor, reason: str) -> Job:
    """Try the job's current step again now: ends its pause between attempts, or resumes the failed job at it."""
    current = Step.objects.filter(job_id=job_id).exclude(state__in=STEP_DONE).order_by("seq").first()
    if current is None or current.name != step:
        raise Conflict("Only the step where the job stands can be tried again.", code="step-not-current")
    if current.state == StepState.FAILED:
        return resume_job(job_id, actor=actor, reason=reason)
    with acting(actor, reason):
        job = _locked(job_id)
        policy.require(actor, "job.operate", job)
        if job.state != JobState.WAITING:
            raise Conflict(f"The job is {job.get_state_display()}; the step is not pausing.", code="step-not-pausing")
        record("job.retry_step", job, actor=actor, reason=reason, data={"step": step})
        wake(job_id)
    return job


@action
def compensate_job(job_id: UUID, *, actor: Actor, reason: str) -> Job:
    """Start the compensation of a failed job that waits for a person's decision; returns the new job."""
    job = _locked(job_id)
    policy.require(actor, "job.operate", job)
    if job.state != JobState.FAILED:
        raise Conflict("Only a failed job can be undone.", code="job-not-failed")
    if Job.objects.filter(compensates=job).exists():
        raise Conflict("The job is already being undone.", code="job-compensated")
    undoing = creation.undo(job, actor=actor, reason=reason)
    if undoing is None:
        raise Conflict("This kind of job has nothing that undoes it.", code="job-without-compensation")
    record("job.compensate", job, actor=actor, reason=reason, data={"by": str(undoing.pk)})
    return undoing


@transaction.atomic
def wake(job_id: UUID) -> None:
    """Let a waiting job look again at once. Takes no lock, and is not lost when the job is just about to wait."""
    if Job.objects.unfinished().filter(pk=job_id).exists():
        Wake.objects.create(job_id=job_id)
        outbox.ring()


@action
def set_lease_rule(one: str, other: str, is_compatible: bool, *, actor: Actor, reason: str) -> LeaseRule:
    """Say whether two resource classes of one tenant may be worked on at once; holds from the next claim."""
    policy.require(actor, "policy.edit")
    first, second = sorted((one, other))
    if first == second:
        raise Invalid("A resource class is never shared with itself.")
    rule, _ = LeaseRule.objects.update_or_create(first=first, second=second, defaults={"is_compatible": is_compatible})
    record("lease_rule.set", rule, actor=actor, reason=reason, data={"is_compatible": is_compatible})
    return rule


@action
def redeliver(delivery_id: int, *, actor: Actor, reason: str) -> Delivery:
    """Try a delivery that was given up again, from the first attempt."""
    policy.require(actor, "job.operate")
    delivery = Delivery.objects.select_for_update().filter(pk=delivery_id).first()
    if delivery is None:
        raise Absent("There is no such delivery.")
    if delivery.state != DeliveryState.DEAD:
        raise Conflict("Only a delivery that was given up can be tried again.", code="delivery-not-dead")
    delivery.state, delivery.attempts, delivery.next_at = DeliveryState.PENDING, 0, now()
    delivery.save()
    record("delivery.redeliver", delivery, actor=actor, reason=reason)
    outbox.ring()
    return delivery


def _locked(job_id: UUID) -> Job:
    job = creation.by_id(job_id)
    if job is None:
        raise Absent("There is no such job.")
    return job
