"""What the validation suite is told of a tenant, from the request before activation and from the registry after."""

from typing import Any
from uuid import UUID

from django.conf import settings

from lifecycle.models import TenantRequest
from lifecycle.naming.queries import names_in
from lifecycle.provisioning.validation import Target
from lifecycle.stores.names import TenantNames
from lifecycle.stores.secrets import store_of
from portal.access import jwt
from portal.jobs.errors import Permanent
from tenants.models import Tenant

from .subject import names_of, region_named, tags_of


def of_request(request: TenantRequest) -> Target:
    """The target of a tenant that is being provisioned."""
    requires = request.placement.get("requires", {})
    return _target(names_of(request), request.tier, requires, tags_of(request))


def of_tenant(tenant: Tenant, requires: dict[str, Any], tags: dict[str, str]) -> Target:
    """The target of a tenant in the registry."""
    return _target(names_in(tenant, tenant.region), tenant.tier, requires, tags)


def _target(names: TenantNames, tier: Any, requires: dict[str, Any], tags: dict[str, str]) -> Target:
    region = region_named(names.region)  # what is not connected is named before what is missing there
    kept = store_of(names.region, settings.SECRETS_DIR).read(names.tenant_id)
    if kept is None:
        raise Permanent(f"{names.name} has no binding in the secret store of {names.region}; initialise it first.")
    return Target(
        tenant_id=names.tenant_id,
        name=names.name,
        region=region,
        names=names,
        tier=tier.code,
        p95_target_ms=tier.p95_target_ms,
        concurrency=tier.validated_concurrency,
        requires=requires,
        tags=tags,
        binding=kept,
        token=sign,
        issuer=settings.PUBLIC_URL,
        secrets_dir=settings.SECRETS_DIR,
        user_region=names.region,
    )


def sign(
    *,
    tenant_id: UUID,
    scope: str = "validate",
    audience: str = jwt.PLATFORM_AUDIENCE,
    issuer: str = "",
    expires_in: int = 300,
) -> str:
    """Sign whatever the suite wants to say, so that the platform can be shown true signatures over wrong claims."""
    claims = {"tenant": str(tenant_id), "scope": scope}
    return jwt.sign(
        "system:validation", audience=audience, issuer=issuer or settings.PUBLIC_URL, seconds=expires_in, **claims
    )
