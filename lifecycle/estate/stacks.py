"""A tenant of the registry as Terraform knows it: its stack with the pinned modules, and where that is looked at."""

from dataclasses import replace
from typing import Any
from uuid import UUID

from django.conf import settings

from lifecycle.naming.queries import names_in
from lifecycle.optimizer.queries import overrides_of
from lifecycle.provisioning.subject import Stack, inputs_of
from lifecycle.queries import request_of_tenant
from portal.jobs.context import StepContext
from portal.jobs.errors import Permanent, Skip
from tenants.models import Status, Tenant
from tenants.queries import tenant_by_id

from .modules import files_of

STANDING = (Status.ACTIVE, Status.SUSPENDED, Status.ARCHIVED)


def tenant_of(ctx: StepContext) -> Tenant:
    """The tenant the job is about, while it stands."""
    tenant = tenant_by_id(UUID(ctx.params["tenant_id"]))
    if tenant is None or tenant.status not in STANDING:
        raise Skip("The tenant does not stand any more.")
    return tenant


def stack_of(tenant: Tenant, modules: dict[str, str] | None = None) -> Stack:
    """The tenant's stack in the region that serves it. Its own directory: a plan that waits elsewhere stays whole."""
    request = request_of_tenant(tenant)
    if request is None:
        raise Permanent("The tenant was not provisioned by this portal: nothing says what it must have.")
    vectors: Any = tenant.vector_provider or "pgvector"
    overrides = overrides_of(tenant)
    inputs = replace(inputs_of(request), tier=tenant.tier_id, vector_provider=vectors, overrides=overrides)
    directory = settings.WORK_DIR / "terraform" / "estate" / str(tenant.pk)
    return Stack(names_in(tenant, tenant.region), inputs, directory, modules or files_of(tenant.pk))


def place_of(tenant: Tenant) -> dict[str, Any]:
    """What a finding says of whose it is."""
    unit = tenant.business_unit_id
    return {"tenant_id": tenant.pk, "tenant_name": tenant.name, "business_unit": unit, "region": tenant.region}
