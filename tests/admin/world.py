"""One of everything a page shows: a tenant, a request waiting for signatures, jobs, checks, an incident, news."""

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

from lifecycle.models import Incident, TenantRequest, ValidationCheck, ValidationRun
from lifecycle.provisioning.judgement import facts_of, judge
from lifecycle.provisioning.steps.open_case import _snapshot
from portal.access.actor import Actor
from portal.access.models import Grant, User
from portal.access.sessions import open_session
from portal.approvals.actions import open_case
from portal.approvals.models import Case
from portal.jobs.models import Job, LogLine, Step
from portal.lib.clock import now
from portal.notify.models import Notice
from tenants import envelopes
from tenants.models import Tenant, Tier
from tests.lifecycle.asking import asked

CHANGES = [
    {"address": f"module.tenant.{kind}.this", "type": kind, "action": "create", "changed": [], "reason": ""}
    for kind in ("region_tenant_role", "region_row_security", "region_bucket", "region_tag_set")
]
PLAN = {"create": 4, "update": 0, "delete": 0, "changes": CHANGES, "drift": [], "digest": "9f3c" + "0" * 60}


@dataclass(frozen=True)
class World:
    tenant: Tenant
    foreign: Tenant
    request: TenantRequest
    case: Case
    running: Job
    failed: Job
    run: ValidationRun
    incident: Incident
    notice: Notice


def person(username: str) -> User:
    return User.objects.get(username=username)


def read_with_a_reason(username: str, *units: str) -> None:
    """Open access sessions for business units, by default Finance and Human Resources, as the person would."""
    for unit in units or ("FIN", "HR"):
        actor = Actor.of_user(person(username))
        open_session(actor=actor, scope_type="business_unit", scope_id=unit, reason="ticket 4711")


def tenant(name: str, unit: str, owner: str, **more: Any) -> Tenant:
    tier = Tier.objects.get(pk="gold")
    usual: dict[str, Any] = {
        "cost_centre": "CC-1",
        "annual_budget_inr": Decimal("1500000.00"),
        "monthly_cost_inr": Decimal("96150.00"),
        "region": "ap-south-1",
        "geography": "IN",
        "vector_provider": "pgvector",
        "status": "active",
        "activated_at": now(),
        "validation_outcome": "pass",
        "validated_at": now(),
        **tier.limits(),
    }
    found = Tenant(
        name=name,
        display_name=name.capitalize(),
        business_unit_id=unit,
        owner=person(owner),
        champion=person(owner),
        tier=tier,
        created_by="system:test",
        **{**usual, **more},
    )
    found.save(force_insert=True)
    envelopes.reserve(unit, holder_id=found.pk, tenant_id=found.pk, amount_inr=Decimal("1153800.00"))
    envelopes.commit(found.pk)
    return found


def case_of(request: TenantRequest) -> Case:
    """What the planning job does, with a plan that Terraform need not make."""
    judgement = judge(request, tier=request.tier)
    request.plan, request.plan_digest, request.digest = PLAN, PLAN["digest"], "d" * 64
    request.ask_approval()
    request.save()
    case = open_case(
        actor=Actor.of_user(request.requested_by),
        kind="tenant_request",
        subject=request,
        title=request.name,
        amount_inr=judgement.counted_inr,
        aggregation_key=f"business_unit:{request.business_unit_id}",
        facts=facts_of(request, judgement),
        digest=request.digest,
        snapshot=_snapshot(request, judgement),
    )
    request.case_id = case.pk
    request.save()
    return case


def job(about: Tenant, state: str) -> Job:
    at = now()
    held = {"lease_holder": "test", "lease_until": at + timedelta(hours=1)} if state == "running" else {}
    ended = {"finished_at": at, "error": "AccessDenied: no bucket may be created here"} if state == "failed" else {}
    made = Job.objects.create(
        kind="provision.apply",
        title=f"Provision {about.name}",
        state=state,
        tenant_id=about.pk,
        business_unit=about.business_unit_id,
        subject_type="tenants.tenant",
        subject_id=str(about.pk),
        requested_by="system:test",
        started_at=at,
        log_lines=3,
        **held,
        **ended,
    )
    rows = [{"address": one["address"], "action": "create", "state": "done", "seconds": 0.4} for one in CHANGES]
    Step.objects.create(
        job=made, seq=0, name="confirm", title="Compare", state="succeeded", started_at=at, finished_at=at
    )
    Step.objects.create(
        job=made,
        seq=1,
        name="apply",
        title="Create the resources",
        state=state,
        started_at=at,
        evidence={"resources": rows},
        done=2,
        total=4,
        error=ended.get("error", ""),
    )
    for seq in (1, 2, 3):
        LogLine.objects.create(job=made, seq=seq, at=at, text=f"line {seq}", level="warning" if seq == 2 else "info")
    return made


def checks(about: Tenant) -> ValidationRun:
    run = ValidationRun.objects.create(tenant_id=about.pk, trigger="nightly", outcome="fail", finished_at=now())
    for name, outcome in (("tenant_isolation", "pass"), ("latency", "warn"), ("row_security", "fail")):
        ValidationCheck.objects.create(
            run=run,
            name=name,
            title=name.replace("_", " ").capitalize(),
            category="security",
            outcome=outcome,
            summary="Looked at 12 tables.",
            evidence={"tables": 12, "policies": [{"table": "documents"}]},
            seconds=0.4,
        )
    return run


def build() -> World:
    mine, foreign = tenant("finance-notes", "FIN", "meera"), tenant("hr-notes", "HR", "arjun")
    request = asked(tier="gold", annual_budget_inr=Decimal("1200000.00"), data_classes=["financial"])
    run = checks(mine)
    incident = Incident.objects.create(
        tenant_id=foreign.pk,
        affected=[str(foreign.pk)],
        title="A view let one tenant read another",
        evidence={"leaks": 3},
        run=run,
        notify_by=now() + timedelta(hours=60),
    )
    Grant.objects.create(user=person("farah"), role="auditor", granted_by="system:test")
    notice = Notice.objects.create(user=person("meera"), event="request.changed", title="It is ready", key="test-1")
    return World(
        mine, foreign, request, case_of(request), job(mine, "running"), job(foreign, "failed"), run, incident, notice
    )
