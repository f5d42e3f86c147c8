"""Validate a tenant that is in use: a security failure is an incident, not a roll-back."""

from typing import Any
from uuid import UUID

from compliance.residency import evaluate
from lifecycle.actions.incidents import open_incident
from lifecycle.models import ValidationRun
from lifecycle.provisioning import targets
from lifecycle.provisioning.validation import Verdict
from portal.jobs.context import StepContext
from portal.jobs.errors import Skip
from tenants.models import Status
from tenants.queries import last_move, tenant_by_id

from .validate import finish_run, results_of, started_run


def validate(ctx: StepContext) -> dict[str, Any]:
    """Run the nine checks over an active tenant; a broken isolation restricts it and opens a P0.

    Not of one whose status moved meanwhile: its stores refused because they were told to.
    """
    tenant = tenant_by_id(UUID(ctx.params["tenant_id"]))
    if tenant is None or tenant.status != Status.ACTIVE:
        raise Skip("The tenant is not in use.")
    stood = last_move(tenant.pk)
    placement = evaluate(
        region=tenant.region,
        geography=tenant.geography,
        data_classes=tenant.data_classes,
        profiles=tenant.compliance_profiles,
        vector_provider=tenant.vector_provider,
    )
    tags = {"TenantID": str(tenant.pk), "CostCenter": tenant.cost_centre, "ManagedBy": "bailiwick"}
    with ctx.fenced():
        run = started_run(ctx, tenant.pk, trigger=ctx.params.get("trigger", "nightly"))
    said = finish_run(ctx, run, targets.of_tenant(tenant, placement.requires, tags))
    if said.rule == "roll_back" and not said.could_not_run and last_move(tenant.pk) == stood:
        _breach(ctx, run, said)
    return {"run": str(run.pk), "outcome": said.outcome, "decision": said.rule, "tenant_status": tenant.status}


def _breach(ctx: StepContext, run: ValidationRun, said: Verdict) -> None:
    broken = [check for check in results_of(run) if check.name in said.decided_by]
    title = "; ".join(check.title for check in broken)[:200]
    affected = sorted({str(one) for check in broken for one in check.evidence.get("affected_tenants", [])})
    evidence = {check.name: check.evidence for check in broken}
    with ctx.fenced():
        open_incident(run.tenant_id, title=title, affected=affected, evidence=evidence, run=run, actor=ctx.actor)
    ctx.log(f"Incident opened: {title}. Access to the tenant is restricted.", "error")
