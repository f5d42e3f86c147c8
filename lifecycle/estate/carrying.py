"""The steps that carry out what was signed. Each may be killed at any instruction and run again."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.conf import settings

from compliance.erasing.queries import staying
from lifecycle.holding.keeping import destroying
from lifecycle.provisioning.subject import region_named
from lifecycle.provisioning.terraform import commands
from lifecycle.provisioning.terraform.backend import read_state
from lifecycle.provisioning.terraform.plan import refusals
from lifecycle.provisioning.terraform.run import Run
from lifecycle.provisioning.terraforming import execute, fresh_run, must_succeed
from lifecycle.stores import inventory, sweep
from lifecycle.stores.errors import StoreError
from lifecycle.stores.logs import groups
from lifecycle.stores.objects import buckets, keys, users
from lifecycle.stores.secrets import store_of
from portal.audit.actions import record
from portal.jobs.context import StepContext
from portal.jobs.errors import Permanent, Transient
from portal.lib.regions import Region
from tenants.queries import tenant_by_id

from . import looking
from .actions import end, is_standing
from .comparing import of_stranger, unsaid
from .holding import data_in
from .holding import look as look_at
from .models import Decision, Finding, Pin, Remedy
from .modules import fault_of_state, pin
from .recording import write_down
from .stacks import stack_of

REMOVE: dict[str, Callable[[Region, str, UUID], object]] = {
    "s3": lambda region, arn, owner: buckets.remove(region, arn.rpartition(":")[2], owner),
    "iam": lambda region, arn, owner: users.remove(region, arn.rpartition("/")[2], owner),
    "kms": lambda region, arn, owner: keys.remove(region, arn, owner),
    "logs": lambda region, arn, owner: groups.remove(region, arn.split(":log-group:")[1].removesuffix(":*"), owner),
}


def decision_of(ctx: StepContext, *, lock: bool = False) -> Decision:
    rows = Decision.objects.select_for_update(no_key=True) if lock else Decision.objects
    found: Decision = rows.get(pk=UUID(ctx.params["decision_id"]))
    return found


def confirm(ctx: StepContext) -> dict[str, Any]:
    """Nobody destroys what has become a tenant's again, nor data that was not named when it was signed."""
    asked = decision_of(ctx)
    if asked.state != Decision.State.APPROVED:
        raise Permanent(f"The decision is {asked.get_state_display()}.")
    if asked.remedy != Remedy.DESTROY or is_standing(asked):
        return {"remedy": asked.remedy}
    if why := looking.why_kept(staying(asked.region).get(asked.tenant_id, [])):
        raise Permanent(f"It is {why}.")
    there = look_at(asked.tenant_id, asked.region)
    if there.not_checked:
        raise Transient("; ".join(f"{one.system}: {one.reason}" for one in there.not_checked))
    if new := sorted(set(data_in(there.residue)) - set(asked.holds)):
        raise Permanent(f"It holds data that nobody was asked about: {', '.join(new)}. Decide again.")
    return {"remedy": asked.remedy, "holds": data_in(there.residue)}


def act(ctx: StepContext) -> dict[str, Any]:
    """Adopt, put right or destroy; done twice it changes nothing the second time."""
    asked = decision_of(ctx)
    if asked.remedy == Remedy.DESTROY:
        return _destroy_own(ctx, asked) if is_standing(asked) else _destroy_all(ctx, asked)
    tenant = tenant_by_id(asked.tenant_id)
    if tenant is None or not is_standing(asked):
        raise Permanent("The tenant does not stand there any more.")
    run = fresh_run(ctx, stack_of(tenant))
    done = _adopt(ctx, asked, run) if asked.remedy == Remedy.ADOPT else _repair(ctx, asked, run)
    with ctx.fenced():
        pin(tenant.pk, run.module_hash, read_state(run.backend, run.names.state_key), actor=ctx.actor)
    return done


def _adopt(ctx: StepContext, asked: Decision, run: Run) -> dict[str, Any]:
    """`terraform import` of each, which changes nothing; what an earlier attempt has taken in is left.

    What others changed where the modules say nothing is written to the state as it is.
    """
    known, adopted = set(commands.state_list(run)), []
    rows = asked.findings.exclude(state=Finding.State.GONE).order_by("address")
    if drifted := [one.address for one in rows if one.kind == Finding.Kind.DRIFT]:
        _accept(ctx, asked, run, drifted)
        adopted += drifted
    for one in rows:
        if one.kind != Finding.Kind.ORPHAN or one.address in known:
            continue
        result = execute(ctx, run, "import", one.address, one.detail["import_id"])
        must_succeed(run, result)
        adopted.append(one.address)
        ctx.log(f"{one.address} is in the state now.")
    return {"adopted": adopted}


def _accept(ctx: StepContext, asked: Decision, run: Run, addresses: list[str]) -> None:
    """Refresh the state and nothing else; another change of the kind that nobody signed is not let in with it."""
    must_succeed(run, execute(ctx, run, "plan"))
    if more := sorted({one.address for one in unsaid(commands.show(run))} - set(addresses)):
        raise Permanent(f"Changed outside as well, and not a part of what was signed: {', '.join(more)}.")
    must_succeed(run, execute(ctx, run, "refresh"))


def _repair(ctx: StepContext, asked: Decision, run: Run) -> dict[str, Any]:
    """Apply the tenant's own modules, if that does what was signed and no more."""
    if fault := fault_of_state(Pin.objects.filter(tenant_id=asked.tenant_id).first(), state_of(run)):
        raise Permanent(f"{fault[0].upper()}{fault[1:]}: that is to be decided first.")
    must_succeed(run, execute(ctx, run, "plan"))
    plan = commands.show(run)
    signed = set(asked.findings.values_list("address", flat=True))
    more = [one.address for one in plan.changes if one.address not in signed]
    refused = refusals(plan, run.names) + [f"{one} was not a part of what was signed" for one in more]
    if refused:
        raise Permanent("Putting it right is refused: " + "; ".join(refused))
    if not plan.is_empty:
        must_succeed(run, execute(ctx, run, "apply"))
    return {"repaired": [one.address for one in plan.changes]}


def state_of(run: Run) -> dict[str, Any] | None:
    return read_state(run.backend, run.names.state_key)


def _destroy_all(ctx: StepContext, asked: Decision) -> dict[str, Any]:
    """Everything of a tenant that the registry does not have, by name and by tag."""
    region = region_named(asked.region)
    held = inventory.tenants_found(region).get(asked.tenant_id, set())
    names = looking.names_of(asked.tenant_id, asked.region, held)
    secrets = store_of(asked.region, settings.SECRETS_DIR)
    with destroying(ctx, "tenant.remove", asked.tenant_id):
        emptied, failed = sweep.purge(
            region, names, secrets=secrets, before_page=lambda system, done: ctx.heartbeat(done)
        )
    if failed:
        raise Transient("; ".join(f"{one.system}: {one.reason}" for one in failed))
    return {"versions": emptied.versions, "markers": emptied.markers, "uploads": emptied.uploads}


def _destroy_own(ctx: StepContext, asked: Decision) -> dict[str, Any]:
    """What carries a living tenant's tag and belongs to nothing of it. What holds data refuses, and stays."""
    region, removed = region_named(asked.region), []
    for one in asked.findings.exclude(state=Finding.State.GONE):
        remove = REMOVE.get(one.resource_type)
        if remove is None:
            raise Permanent(f"{one.resource}: nobody here knows how to remove it; do it by hand, or leave it.")
        try:
            with destroying(ctx, "tenant.remove", asked.tenant_id):
                remove(region, one.resource, asked.tenant_id)
        except StoreError as error:
            passes = getattr(error, "is_transient", False)
            raise (Transient if passes else Permanent)(f"{one.resource}: {error.message}") from error
        removed.append(one.resource)
    return {"removed": removed}


def look(ctx: StepContext) -> dict[str, Any]:
    """Look again with fresh eyes: what was decided about is gone, or it is still there."""
    asked = decision_of(ctx)
    if is_standing(asked):
        return looking.compare(ctx)
    there = look_at(asked.tenant_id, asked.region)
    if there.not_checked:
        raise Transient("; ".join(f"{one.system}: {one.reason}" for one in there.not_checked))
    where = {name: getattr(asked, name) for name in ("tenant_id", "tenant_name", "business_unit", "region")}
    with ctx.fenced():
        write_down(where, of_stranger(there.residue, ()), actor=ctx.actor, gone=[Finding.Kind.ORPHAN])
    return {"left": [one.resource for one in there.residue if one.system not in ("tags", "state")]}


def finish(ctx: StepContext) -> dict[str, Any]:
    """Done when nothing of it is left to be found; else its findings are open again."""
    with ctx.fenced():
        asked = decision_of(ctx, lock=True)
        if asked.state != Decision.State.APPROVED:
            return {"state": asked.state}
        left = [str(one) for one in asked.findings.exclude(state=Finding.State.GONE)]
        asked.evidence = {**ctx.evidence("confirm"), **ctx.evidence("act"), "left": left}
        if left:
            end(asked, Decision.State.FAILED, f"Still there: {', '.join(left)}")
        else:
            end(asked, Decision.State.DONE, "")
        record("estate.decision_carried_out", asked, actor=ctx.actor, data={"left": left})
    return {"state": asked.state, "left": left}
