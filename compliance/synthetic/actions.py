"""Name a sandbox, begin a synthetic erasure in it, and keep how it ended."""

from typing import Any
from uuid import UUID

from compliance.erasing.intake import request_synthetic
from compliance.erasing.models import ErasureRequest
from portal.access import policy
from portal.access.accounts import ensure_service
from portal.access.actor import Actor
from portal.access.models import User
from portal.audit.actions import record
from portal.audit.context import action
from portal.jobs import actions as jobs
from portal.jobs.outbox import emit
from portal.lib.clock import now
from portal.lib.errors import Absent, Conflict, Invalid
from tenants.models import Status, Tenant

from .models import Sandbox, State, SyntheticErasure
from .queries import KIND, month_of

SYSTEM = Actor.system("synthetic")
ACCOUNT, TITLE = "synthetic-erasures", "Synthetic erasures"
REASON = "A made-up person, to see that the whole machine works."


@action
def designate(tenant_id: Any, *, actor: Actor, reason: str) -> Sandbox:
    """Make a tenant the sandbox of its region: one that is active, is not production, and was made for this."""
    policy.require(actor, "system.edit")
    _need(reason)
    tenant = Tenant.objects.select_for_update(no_key=True).filter(pk=tenant_id).first()
    if tenant is None:
        raise Absent("There is no such tenant.")
    if tenant.status != Status.ACTIVE:
        raise Conflict(f"The tenant is {tenant.get_status_display()}.", code="wrong-state")
    if tenant.environment == "prod":
        raise Invalid(fields={"tenant": "one whose environment is not production: nobody's data may be near"})
    if Sandbox.objects.filter(region=tenant.region, ended_at=None).exists():
        raise Conflict(f"{tenant.region} has a sandbox: end that one first.", code="sandbox-exists")
    made = Sandbox.objects.create(region=tenant.region, tenant=tenant, designated_by=actor.id)
    record("sandbox.designated", made, actor=actor, reason=reason, data={"tenant": tenant.pk, "region": tenant.region})
    return made


@action
def end(sandbox_id: Any, *, actor: Actor, reason: str) -> Sandbox:
    """No further erasure is tried in it. The tenant stays what it is."""
    policy.require(actor, "system.edit")
    _need(reason)
    row = _sandbox(sandbox_id)
    if row.runs.filter(state=State.RUNNING).exists():
        raise Conflict("A synthetic erasure is under way there.", code="running")
    row.ended_at = now()
    row.save(update_fields=["ended_at"])
    record("sandbox.ended", row, actor=actor, reason=reason)
    return row


@action
def begin(sandbox_id: Any, *, actor: Actor, reason: str) -> SyntheticErasure:
    """Have a made-up person planted and erased there. One at a time."""
    policy.require(actor, "system.edit")
    _need(reason)
    row = _sandbox(sandbox_id)
    if row.runs.filter(state=State.RUNNING).exists():
        raise Conflict("A synthetic erasure is under way there.", code="running")
    made = SyntheticErasure.objects.create(sandbox=row, month=month_of(now().date()), asked_by=actor.id)
    made.job_id = jobs.start_job(KIND, actor=SYSTEM, subject=made, title=str(made)).pk
    made.save(update_fields=["job_id"])
    record("synthetic.begun", made, actor=actor, reason=reason)
    return made


def ask(run_id: UUID, *, actor: Actor) -> ErasureRequest:
    """Ask for the erasure of the run's person, once; what follows is what follows of any other."""
    run = SyntheticErasure.objects.select_related("sandbox", "request").get(pk=run_id)
    if run.request is not None:
        return run.request
    by = _account(actor=actor)
    made = request_synthetic(run.sandbox.tenant_id, run.person, by, actor=actor, reason=REASON)
    _belongs(run_id, made, actor=actor)
    return made


@action
def _account(*, actor: Actor) -> User:
    return ensure_service(ACCOUNT, TITLE)


@action
def _belongs(run_id: UUID, request: ErasureRequest, *, actor: Actor) -> None:
    run = SyntheticErasure.objects.select_for_update(of=("self",)).get(pk=run_id)
    run.request = request
    run.save(update_fields=["request"])
    record("synthetic.asked", run, actor=actor, data={"request": str(request)})


@action
def conclude(run_id: UUID, checks: list[dict[str, str]], why: str, *, actor: Actor) -> SyntheticErasure:
    """Keep how it ended: passed where nothing is wrong, else failed for that reason, which is an alarm."""
    run = SyntheticErasure.objects.select_for_update(of=("self",)).select_related("request").get(pk=run_id)
    if run.state != State.RUNNING:
        return run
    wrong = why or " ".join(f"{one['what']}: {one['wrong']}" for one in checks if one["wrong"])
    run.certificate_id = run.request.certificate_id if run.request else None
    run.checks, run.why, run.ended_at = checks, wrong[:1000], now()
    run.seconds = round((run.ended_at - run.started_at).total_seconds())
    run.state = State.FAILED if wrong else State.PASSED
    run.save()
    said = {"state": run.state, "seconds": run.seconds, "wrong": [one["what"] for one in checks if one["wrong"]]}
    record("synthetic.concluded", run, actor=actor, reason=run.why[:500], data=said)
    emit("synthetic.concluded", {"run_id": str(run.pk), "state": str(run.state)})
    return run


def _sandbox(sandbox_id: Any) -> Sandbox:
    rows = Sandbox.objects.select_for_update(of=("self",), no_key=True).select_related("tenant")
    row = rows.filter(pk=sandbox_id, ended_at=None).first()
    if row is None:
        raise Absent("There is no such sandbox.")
    return row


def _need(reason: str) -> None:
    if not reason.strip():
        raise Invalid(fields={"reason": "say why; it is kept in the record"})
