"""Provision the target through the same stack as any tenant's, with a state and a directory of its own."""

from dataclasses import replace
from typing import Any

from django.conf import settings

from lifecycle.estate.modules import files_of
from lifecycle.migration.control import admit
from lifecycle.naming.actions import name_set
from lifecycle.naming.queries import clash, names_in
from lifecycle.provisioning.subject import Stack, inputs_of, region_named
from lifecycle.provisioning.terraform import commands
from lifecycle.provisioning.terraform.plan import refusals
from lifecycle.provisioning.terraforming import execute, fresh_run, must_succeed
from lifecycle.queries import request_of_tenant
from lifecycle.stores import credentials
from lifecycle.stores.postgres import fences
from lifecycle.stores.secrets import store_of
from portal.jobs.context import StepContext
from portal.jobs.errors import Permanent
from portal.lib.regions import load
from tenants.models import Tenant

from .common import migration_of


def provision(ctx: StepContext) -> dict[str, Any]:
    """Make what is missing in the target, give it credentials, and leave its fence closed."""
    migration = migration_of(ctx)
    tenant, region, vectors = migration.tenant, region_named(migration.target), migration.vector_provider
    made = make_room(ctx, tenant, region.name, vectors)
    with ctx.fenced():
        """Still ours: a superseded worker must not rotate what its successor has handed out."""
    secrets = store_of(region.name, settings.SECRETS_DIR)
    binding = credentials.issue(region, stack_of(tenant, region.name, vectors).names, secrets, vector_provider=vectors)
    ctx.log(f"{tenant.name} has {made} resources and its binding in {region.name}; nothing writes there yet.")
    return {"resources_in_state": made, "bucket": binding.bucket, "vectors": binding.vector.provider}


def make_room(ctx: StepContext, tenant: Tenant, name: str, vectors: Any) -> int:
    """Leave the tenant's own stack in the region, its fence closed and its suspension known; returns the resources."""
    region = region_named(name)
    name_set(tenant, name, actor=ctx.actor, reason=ctx.job.title)
    if why := clash(names_in(tenant, name), tenant, load(settings.REGIONS_FILE)):
        raise Permanent(f"{why[0].upper()}{why[1:]}.")
    made = _apply(ctx, stack_of(tenant, name, vectors))
    fence = fences.read(region, tenant.pk)
    if fence is None or fence.state == "open":
        raise Permanent(f"The fence in {name} is {fence.state if fence else 'missing'}, not closed.")
    admit(tenant.pk, region, actor=ctx.actor)
    return made


def stack_of(tenant: Tenant, region: str, vectors: Any) -> Stack:
    """The tenant's own stack in a further region: what its request asked for, there.

    The state of the region it was first provisioned in bears no region, nor do the names there.
    """
    request = request_of_tenant(tenant)
    if request is None:
        raise Permanent("The tenant was not provisioned by this portal: nothing says what its target must have.")
    inputs = replace(inputs_of(request), tier=tenant.tier_id, vector_provider=vectors)
    names = names_in(tenant, region)
    directory = settings.WORK_DIR / "terraform" / "-".join(filter(None, (str(tenant.pk), names.state_of)))
    return Stack(names, inputs, directory, files_of(tenant.pk))


def _apply(ctx: StepContext, stack: Stack) -> int:
    run = fresh_run(ctx, stack)
    must_succeed(run, execute(ctx, run, "plan"))
    refused = refusals(commands.show(run), stack.names)
    if refused:
        raise Permanent("The plan is refused: " + "; ".join(refused))
    must_succeed(run, execute(ctx, run, "apply"))
    return len(commands.state_list(run))
