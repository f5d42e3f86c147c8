"""The job that carries out an approved change in the stack of the tenant whose resource it is about.

Whether a stack takes the change is its own to say: `overrides` refuses in the plan what it does not have.
"""

from dataclasses import replace
from typing import Any
from uuid import UUID

from lifecycle.estate.modules import pin
from lifecycle.estate.stacks import stack_of, tenant_of
from lifecycle.provisioning.jobs import RESOURCES
from lifecycle.provisioning.terraform import commands
from lifecycle.provisioning.terraform.backend import read_state
from lifecycle.provisioning.terraform.plan import Change, PlanSummary, refusals
from lifecycle.provisioning.terraforming import execute, fresh_run, must_succeed
from lifecycle.queries import request_of_tenant
from portal.audit.actions import record
from portal.jobs.context import StepContext
from portal.jobs.errors import Permanent
from portal.jobs.kinds import JobKind, StepDef
from portal.lib.clock import now
from tenants.models import Tenant

from .actions import locked_change
from .models import FindingChange, State

NAME = "optimizer.carry_out"


def apply(ctx: StepContext) -> dict[str, Any]:
    """Plan the tenant's stack with the change and apply it, if that is all it does. May be killed and run again."""
    change = FindingChange.objects.select_related("finding").get(pk=UUID(ctx.params["change_id"]))
    if change.state not in (State.APPROVED, State.APPLIED):
        raise Permanent(f"The change is {change.get_state_display()}.")
    tenant = tenant_of(ctx)
    _, resource, attribute = change.change["path"]
    _keep_the_law(tenant, attribute, change.change["after"])
    stack = stack_of(tenant)
    wanted = {**stack.inputs.overrides}
    wanted[resource] = {**wanted.get(resource, {}), **change.sets}
    run = fresh_run(ctx, replace(stack, inputs=replace(stack.inputs, overrides=wanted)))
    must_succeed(run, execute(ctx, run, "plan"))
    plan = commands.show(run)
    if refused := [*refusals(plan, run.names), *_surplus(plan, wanted, resource)]:
        raise Permanent("The change is not carried out: " + "; ".join(refused))
    if not plan.is_empty:
        must_succeed(run, execute(ctx, run, "apply"))
    with ctx.fenced():
        pin(tenant.pk, run.module_hash, read_state(run.backend, run.names.state_key), actor=ctx.actor)
        mine = locked_change(change.pk)
        mine.carried_out_at = mine.carried_out_at or now()
        mine.save()
        record("finding_change.carried_out", mine, actor=ctx.actor)
    return {"applied": [one.address for one in plan.changes], "override": {resource: wanted[resource]}}


def _keep_the_law(tenant: Tenant, attribute: str, after: Any) -> None:
    """No finding shortens logs below what the tenant's compliance profiles ask for."""
    request = request_of_tenant(tenant)
    least = int((request.placement if request else {}).get("requires", {}).get("log_retention_days", 0))
    if attribute == "retention_in_days" and str(after).isdecimal() and int(after) < least:
        raise Permanent(f"Its compliance profiles keep logs for {least} days.")


def _surplus(plan: PlanSummary, wanted: dict[str, Any], resource: str) -> list[str]:
    """What speaks against this plan being the signed change and no more."""
    if plan.variables.get("overrides") != wanted:
        return ["the tenant's modules take no overrides; upgrade them first"]
    others = [one for one in plan.changes if one.action != "update" or resource not in _names(one)]
    return [f"{one.address} was not a part of what was signed" for one in others]


def _names(change: Change) -> set[Any]:
    return {(change.before or {}).get(word) for word in ("name", "bucket", "id")}


CARRY_OUT = JobKind(
    name=NAME,
    title="Carry out a change",
    resource_class=RESOURCES,
    steps=[StepDef("apply", "Plan and apply it alone", apply, eta_seconds=5, lease_seconds=60, max_attempts=3)],
)
