"""Make sure that what is about to be done is what was signed."""

from typing import Any

from lifecycle.models import State
from lifecycle.news import tell
from lifecycle.provisioning.judgement import judge
from lifecycle.provisioning.subject import content_digest, is_connected, names_of, request_of, stack_of
from lifecycle.provisioning.terraform.commands import kept_plan, show
from lifecycle.provisioning.terraform.plan import refusals
from lifecycle.provisioning.terraform.run import Run, module_hash
from lifecycle.provisioning.terraforming import execute, fresh_run, known_run, must_succeed
from portal.access.actor import Actor
from portal.approvals import actions as approvals
from portal.jobs.context import StepContext
from portal.jobs.errors import Permanent
from portal.lib.clock import now
from tenants import actions as registry
from tenants.costs import actions as costs
from tenants.costs.estimate import baseline_of


def confirm(ctx: StepContext) -> dict[str, Any]:
    """Compare the signed digest with the content as it is now; another content voids the approval.

    Then, in one transaction, register the tenant and take it and the request to `provisioning`.
    """
    request = request_of(ctx)
    if request.state != State.APPROVED:
        return {"state": request.state}
    plan_digest = _plan_now(ctx, request)
    judgement = judge(request, tier=request.tier)
    found = content_digest(request, judgement, plan_digest)
    if found != request.digest or judgement.refused:
        _void(ctx, found)
        raise Permanent("What was signed has changed since: the approval is void. Submit the request again.")
    with ctx.fenced():
        request = request_of(ctx, lock=True)
        _register(ctx, request)
        request.start()
        request.save()
        tell(request)
    return {"digest": found}


def _plan_now(ctx: StepContext, request: Any) -> str:
    """The digest of the plan that would be applied: the kept plan file if it is whole, else a new plan's."""
    if not is_connected(request):
        return ""
    run = known_run(stack_of(request))
    kept = kept_plan(run.directory) if run else None
    if run and kept and run.plan_file.is_file() and run.module_hash == module_hash():
        return _allowed(run, request)  # read again from the plan file itself, which is what will be applied
    run = fresh_run(ctx, stack_of(request))
    must_succeed(run, execute(ctx, run, "plan"))
    return _allowed(run, request)


def _allowed(run: Run, request: Any) -> str:
    summary = show(run)
    refused = refusals(summary, names_of(request))
    if refused:
        raise Permanent("The plan is refused: " + "; ".join(refused))
    return summary.digest


def _void(ctx: StepContext, found: str) -> None:
    with ctx.fenced():
        request = request_of(ctx, lock=True)
        request.void()
        request.state_reason = "The plan, a price or a rule has changed since it was signed."
        request.save()
        approvals.void(request.case_id, actor=ctx.actor, reason=f"content is now {found}")
        tell(request)


def _register(ctx: StepContext, request: Any) -> None:
    actor: Actor = ctx.actor
    estimate = request.estimate
    registry.register(
        actor=actor,
        reason=request.justification[:500],
        id=request.tenant_id,
        name=request.name,
        display_name=request.display_name,
        business_unit=request.business_unit,
        cost_centre=request.cost_centre,
        environment=request.environment,
        owner=request.owner,
        champion=request.champion,
        billing_contact=request.owner,
        tier=request.tier,
        **request.tier.limits(),
        region=request.region,
        geography=request.geography,
        data_classes=request.data_classes,
        compliance_profiles=request.placement.get("profiles", []),
        vector_provider=request.placement.get("providers", {}).get("vectors", ""),
        annual_budget_inr=request.annual_budget_inr,
        monthly_cost_inr=estimate.get("monthly_inr"),
        price_book_id=estimate.get("price_book") or None,
        expires_on=request.expires_on,
        module_version=module_hash()[:12],
    )
    baseline = baseline_of(estimate)
    if baseline is not None:
        costs.agree(
            request.tenant_id, baseline, now().date(), actor=actor, reason="approved", price_book=estimate["price_book"]
        )
    registry.move(request.tenant_id, "start_provisioning", actor=actor, reason="approved")
