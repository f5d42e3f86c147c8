"""Submitting, cancelling and rolling back where two things meet; what was not looked at is not clean."""

from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from lifecycle.actions import requests
from lifecycle.models import State, TenantRequest
from lifecycle.provisioning import subscribers
from lifecycle.provisioning.jobs import PLAN, ROLL_BACK
from lifecycle.provisioning.steps import open_case, rollback
from portal.access.actor import Actor
from portal.access.models import Grant, Role, User
from portal.approvals import actions as approvals
from portal.jobs import actions as jobs
from portal.jobs.context import StepContext
from portal.jobs.errors import Permanent
from portal.jobs.kinds import JobKind
from portal.jobs.models import Job
from portal.lib.clock import now
from portal.lib.errors import Conflict, NotAllowed
from tenants.models import BusinessUnit, Reservation, TenantName
from tests.admin.world import case_of
from tests.lifecycle.asking import asked
from tests.lifecycle.test_states import put

SYSTEM = Actor.system("test")


def actor(username: str) -> Actor:
    return Actor.of_user(User.objects.get(username=username))


def again(request: TenantRequest) -> TenantRequest:
    return TenantRequest.objects.get(pk=request.pk)


def job_of(request: TenantRequest, kind: str, state: str) -> Job:
    job = jobs.start_job(kind, actor=SYSTEM, subject=request, params={"request_id": str(request.pk)})
    mine, at = Job.objects.filter(pk=job.pk), now()
    mine.update(state="running", job_epoch=1, lease_until=at + timedelta(hours=1), lease_holder="test")
    if state == "failed":
        mine.update(state=state, finished_at=at)
    return Job.objects.get(pk=job.pk)


def context(job: Job, kind: JobKind, name: str) -> StepContext:
    definition = next(step for step in kind.steps if step.name == name)
    return StepContext(job, job.steps.get(name=name), definition)


def test_who_would_sign_does_not_submit_what_another_wrote(shipped: None) -> None:
    request = asked(submit_now=False)
    vikram = User.objects.get(username="vikram")
    Grant.objects.create(user=vikram, role=Role.TENANT_ADMIN, granted_by="test")
    with pytest.raises(NotAllowed, match="submits it"):
        requests.submit(request.pk, actor=Actor.of_user(vikram))
    assert again(request).state == State.DRAFT
    assert requests.submit(request.pk, actor=actor("meera")).state == State.SUBMITTED


def test_a_request_whose_approval_was_voided_can_be_cancelled(shipped: None) -> None:
    request = asked()
    case = case_of(request)
    approvals.void(case.pk, actor=SYSTEM, reason="changed")
    put(request, "approval_voided")
    requests.cancel(request.pk, actor=actor("meera"), reason="not needed")
    assert again(request).state == State.CANCELLED
    assert TenantName.objects.get(tenant_id=request.tenant_id).released_at
    assert Reservation.objects.get(holder_id=request.pk).state == "released"


def test_what_a_person_rolls_back_cannot_be_resumed(shipped: None) -> None:
    request = asked()
    job = job_of(request, "provision.apply", "failed")
    TenantRequest.objects.filter(pk=request.pk).update(job_id=job.pk)
    put(request, "failed")
    requests.roll_back(request.pk, actor=actor("kiran"), reason="not worth it")
    with pytest.raises(Conflict, match="being undone"):
        jobs.resume_job(job.pk, actor=actor("kiran"), reason="second thoughts")


def test_what_a_person_resumed_is_not_rolled_back_underneath(shipped: None) -> None:
    request = asked()
    job = job_of(request, "provision.apply", "failed")
    TenantRequest.objects.filter(pk=request.pk).update(job_id=job.pk)
    put(request, "failed")
    jobs.resume_job(job.pk, actor=actor("kiran"), reason="repaired")
    with pytest.raises(Conflict, match="goes on again"):
        requests.roll_back(request.pk, actor=actor("kiran"), reason="not worth it")
    put(request, "provisioning")
    subscribers.job_failed({"job_id": str(job.pk)})  # the news of the failure comes late
    assert again(request).state == State.PROVISIONING
    assert not Job.objects.filter(kind="provision.roll_back").exists()


@pytest.mark.parametrize(("planned", "ends"), [("", "rolled_back"), ("0" * 64, "rollback_incomplete")])
def test_a_region_that_is_gone_is_not_clean(
    shipped: None, settings: Any, tmp_path: Path, planned: str, ends: str
) -> None:
    settings.REGIONS_FILE = tmp_path / "none.json"
    request = asked()
    TenantRequest.objects.filter(pk=request.pk).update(plan_digest=planned)
    put(request, "failed")
    rollback.finish(context(job_of(request, "provision.roll_back", "running"), ROLL_BACK, "finish"))
    request = again(request)
    assert request.state == ends
    assert bool(request.remainder) is (ends == "rollback_incomplete")
    assert bool(TenantName.objects.get(tenant_id=request.tenant_id).released_at) is (ends == "rolled_back")


def test_a_price_that_rose_after_submission_is_set_aside_too(shipped: None) -> None:
    request = asked()
    TenantRequest.objects.filter(pk=request.pk).update(counted_inr=Decimal(1))
    Reservation.objects.filter(holder_id=request.pk).update(amount_inr=Decimal(1))
    ctx = context(job_of(request, "provision.plan", "running"), PLAN, "ask")
    BusinessUnit.objects.filter(pk="FIN").update(envelope_inr=Decimal(100))
    with pytest.raises(Permanent, match="envelope"):
        open_case.ask(ctx)
    BusinessUnit.objects.filter(pk="FIN").update(envelope_inr=Decimal(10_000_000))
    open_case.ask(ctx)
    assert Reservation.objects.get(holder_id=request.pk).amount_inr == again(request).counted_inr > 1
