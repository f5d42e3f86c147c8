"""The steps that upgrade one tenant. Each may be killed at any instruction and run again."""

from typing import Any
from uuid import UUID

from lifecycle.estate.models import Pin
from lifecycle.estate.modules import fault_of_state, pin
from lifecycle.estate.stacks import stack_of, tenant_of
from lifecycle.provisioning.steps import nightly
from lifecycle.provisioning.terraform import commands
from lifecycle.provisioning.terraform.backend import read_state
from lifecycle.provisioning.terraform.plan import PlanSummary, is_continuation, refusals
from lifecycle.provisioning.terraform.run import Run
from lifecycle.provisioning.terraforming import execute, fresh_run, must_succeed
from portal.jobs.context import StepContext
from portal.jobs.errors import Permanent
from portal.jobs.outbox import emit
from portal.lib.clock import now

from .models import Member


def member_of(ctx: StepContext) -> Member:
    return Member.objects.select_related("upgrade__version", "tenant").get(pk=UUID(ctx.params["member_id"]))


def plan(ctx: StepContext) -> dict[str, Any]:
    """Plan the tenant with the new modules. What would destroy or replace data is refused, whoever signed."""
    member = member_of(ctx)
    run = _run(ctx, member)
    if fault := fault_of_state(Pin.objects.filter(tenant_id=member.tenant_id).first(), _state(run)):
        raise Permanent(f"{fault[0].upper()}{fault[1:]}: that is to be decided first.")
    summary = _planned(ctx, run)
    with ctx.fenced():
        member = Member.objects.select_for_update(of=("self",), no_key=True).get(pk=member.pk)
        member.plan = summary.as_json()
        member.save(update_fields=["plan"])
    return {"create": summary.create, "update": summary.update, "delete": summary.delete, "digest": summary.digest}


def apply(ctx: StepContext) -> dict[str, Any]:
    """Apply what is left of that plan and pin the tenant to the modules. A killed apply is gone on with."""
    member = member_of(ctx)
    begun = PlanSummary.from_json(member.plan)
    run = _run(ctx, member)
    rest = _planned(ctx, run)
    if not is_continuation(begun, rest):
        raise Permanent("What is left to do is not a part of what was planned: somebody has changed something.")
    if not rest.is_empty:
        must_succeed(run, execute(ctx, run, "apply"))
    with ctx.fenced():
        pin(member.tenant_id, run.module_hash, _state(run), actor=ctx.actor)
    return {"applied": [one.address for one in rest.changes], "modules": run.module_hash}


def validate(ctx: StepContext) -> dict[str, Any]:
    """The whole suite; only a tenant that passes lets the next one begin."""
    said = nightly.validate(ctx)
    if said["decision"] in ("roll_back", "block", "hold"):
        raise Permanent(f"The validation after the upgrade says {said['outcome']}.")
    return said


def finish(ctx: StepContext) -> dict[str, Any]:
    """Upgraded: the next may begin."""
    with ctx.fenced():
        member = Member.objects.select_for_update(of=("self",), no_key=True).get(pk=UUID(ctx.params["member_id"]))
        if member.state == Member.State.RUNNING:
            member.state, member.done_at = Member.State.DONE, now()
            member.save(update_fields=["state", "done_at"])
        emit("upgrade.member_done", {"upgrade_id": str(member.upgrade_id), "member_id": str(member.pk)})
    return {"state": member.state}


def _run(ctx: StepContext, member: Member) -> Run:
    return fresh_run(ctx, stack_of(tenant_of(ctx), dict(member.upgrade.version.files)))


def _state(run: Run) -> dict[str, Any] | None:
    return read_state(run.backend, run.names.state_key)


def _planned(ctx: StepContext, run: Run) -> PlanSummary:
    must_succeed(run, execute(ctx, run, "plan"))
    summary = commands.show(run)
    if refused := refusals(summary, run.names):
        raise Permanent("The plan is refused: " + "; ".join(refused))
    return summary
