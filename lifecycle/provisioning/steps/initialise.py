"""Give the tenant working credentials and make the platform know them."""

from typing import Any

from django.conf import settings

from lifecycle.provisioning.subject import is_connected, names_of, region_named, request_of
from lifecycle.stores import credentials
from lifecycle.stores.postgres import fences
from lifecycle.stores.secrets import store_of
from portal.jobs.context import StepContext
from portal.jobs.errors import Skip


def initialise(ctx: StepContext) -> dict[str, Any]:
    """Put the tenant's binding into its region's secret store, where one access key stays valid, and open its fence.

    An open fence harms nothing: the platform serves only what the registry calls active, or being validated.
    """
    request = request_of(ctx)
    if not is_connected(request):
        raise Skip(f"{request.region} is not connected: its binding was set up by hand.")
    provider = request.placement.get("providers", {}).get("vectors", "pgvector")
    store = store_of(request.region, settings.SECRETS_DIR)
    with ctx.fenced():
        """Still ours: a superseded worker must not rotate what its successor has handed out."""
    fences.set_state(region_named(request.region), request.tenant_id, "open")
    binding = credentials.issue(region_named(request.region), names_of(request), store, vector_provider=provider)
    ctx.log(f"{request.name} has its binding in {request.region}.")
    return {
        "db_role": binding.db_role,
        "bucket": binding.bucket,
        "cache_user": binding.cache_user,
        "log_group": binding.log_group,
        "vectors": f"{binding.vector.provider}/{binding.vector.namespace}",
        "limits": request.tier.limits(),
    }
