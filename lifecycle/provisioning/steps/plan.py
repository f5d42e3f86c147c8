"""Make the plan that will be signed."""

from typing import Any

from lifecycle.provisioning.subject import is_connected, names_of, request_of, stack_of
from lifecycle.provisioning.terraform.commands import show
from lifecycle.provisioning.terraform.plan import refusals
from lifecycle.provisioning.terraforming import execute, fresh_run, must_succeed
from portal.jobs.context import StepContext
from portal.jobs.errors import Permanent, Skip


def plan(ctx: StepContext) -> dict[str, Any]:
    """Plan the tenant's resources and keep the masked summary on the request. Creates nothing."""
    request = request_of(ctx)
    if not is_connected(request):
        raise Skip(f"{request.region} is not connected: a person sets the tenant up, there is no plan to show.")
    run = fresh_run(ctx, stack_of(request))
    must_succeed(run, execute(ctx, run, "plan"))
    summary = show(run)
    refused = refusals(summary, names_of(request))
    if refused:
        raise Permanent("The plan is refused: " + "; ".join(refused))
    with ctx.fenced():
        request = request_of(ctx, lock=True)
        request.plan, request.plan_digest = summary.as_json(), summary.digest
        request.save(update_fields=["plan", "plan_digest"])
    ctx.log(f"Plan: {summary.create} to create, {summary.update} to change, {summary.delete} to destroy.")
    return {"create": summary.create, "update": summary.update, "delete": summary.delete, "digest": summary.digest}
