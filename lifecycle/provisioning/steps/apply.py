"""Create the tenant's resources from the approved plan and nothing else."""

from typing import Any

from lifecycle.estate.modules import pin
from lifecycle.models import TenantRequest
from lifecycle.provisioning.subject import is_connected, names_of, request_of, stack_of
from lifecycle.provisioning.terraform import commands
from lifecycle.provisioning.terraform.backend import read_state
from lifecycle.provisioning.terraform.plan import PlanSummary, is_continuation, refusals
from lifecycle.provisioning.terraform.run import Run
from lifecycle.provisioning.terraforming import execute, follow, fresh_run, known_run, must_succeed
from portal.jobs.context import StepContext
from portal.jobs.errors import Permanent, Skip


def apply(ctx: StepContext) -> dict[str, Any]:
    """Apply the approved plan. After a kill: adopt the running child, or plan anew and go on with what is left."""
    request = request_of(ctx)
    if not is_connected(request):
        raise Skip(f"{request.region} is not connected: a person sets the tenant up.")
    run = known_run(stack_of(request))
    now = commands.status(run.directory) if run else None
    if run and now and now.command == "apply" and now.state == "running":
        ctx.log("Found the apply of an earlier worker still running; following it.")
        follow(ctx, run)
        now = commands.status(run.directory)
    if run and now and now.command == "apply" and now.result and now.result.ok and not now.result.state_suspect:
        result = now.result
    else:
        run = _ready(ctx, request, run if now and now.command == "plan" and now.state == "finished" else None)
        result = execute(ctx, run, "apply")
    must_succeed(run, result)
    with ctx.fenced():
        pin(run.names.tenant_id, run.module_hash, read_state(run.backend, run.names.state_key), actor=ctx.actor)
    made = commands.state_list(run)
    ctx.log(f"{len(made)} resources exist.")
    return {"resources_in_state": len(made), "outputs": commands.output(run), "seconds": round(result.seconds, 2)}


def _ready(ctx: StepContext, request: TenantRequest, planned: Run | None) -> Run:
    """A run whose kept plan may be applied: the approved one, or the rest of it."""
    if planned is not None and planned.plan_file.is_file():
        return planned
    approved = PlanSummary.from_json(request.plan)
    run = fresh_run(ctx, stack_of(request))
    must_succeed(run, execute(ctx, run, "plan"))
    rest = commands.show(run)
    refused = refusals(rest, names_of(request))
    if refused or not is_continuation(approved, rest):
        raise Permanent("What is left to do is not a part of the approved plan. " + "; ".join(refused))
    ctx.log(f"Going on with what is left of the approved plan: {rest.create} to create.")
    return run
