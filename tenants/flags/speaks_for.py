"""Whose flags a credential asks for. The tenant is the credential's, never one that the request names."""

from typing import Any
from uuid import UUID

from django.core.cache import cache
from redis.exceptions import RedisError
from rest_framework.request import Request

from portal.access import jwt, policy
from portal.access.actor import Actor, actor_of
from portal.access.authentication import Bearer
from portal.access.models import Scope, User
from portal.access.policy import VERBS
from portal.access.queries import grants_of
from portal.audit.actions import record
from portal.audit.context import acting
from portal.lib.errors import Invalid, NotAllowed
from tenants.models import Status, Tenant

VERB = "flag.evaluate"
NAMES = frozenset({"tenant", "tenantid", "tenantname", "tenantkey"})
RECORDED_SECONDS = 900


class TenantBearer(Bearer):
    """The portal's own credentials, and the token of a tenant for the platform: that one names its tenant."""

    def authenticate(self, request: Request) -> tuple[User, jwt.Claims] | None:
        scheme, _, credential = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "bearer" and (found := _platform_token(credential.strip())) is not None:
            user, request.tenant_claim = found  # type: ignore[attr-defined]
            return user, jwt.Claims(str(user.pk), frozenset({VERB}))
        return super().authenticate(request)


def _platform_token(credential: str) -> tuple[User, UUID] | None:
    try:
        claims = jwt.verify(credential, audience=jwt.PLATFORM_AUDIENCE)
        user = User.objects.filter(pk=UUID(claims["sub"]), is_active=True).first()
        return (user, UUID(claims["tenant"])) if user else None
    except (jwt.Refused, KeyError, ValueError, TypeError, AttributeError):
        return None


def tenant_of(request: Request) -> Tenant:
    """The one active tenant that the credential speaks for."""
    actor = actor_of(request)
    claimed: UUID | None = getattr(request, "tenant_claim", None)
    if claimed is None:
        policy.require(actor, VERB)
    tenant = Tenant.objects.select_related("tier").filter(pk=claimed or _granted(actor)).first()
    if tenant is None or not policy.can(actor, VERB, tenant):
        raise NotAllowed("This credential speaks for no tenant.")
    if tenant.status != Status.ACTIVE or tenant.is_restricted:
        raise NotAllowed(f"The tenant is {'restricted' if tenant.is_restricted else tenant.status}.", code="not-active")
    return tenant


def _granted(actor: Actor) -> UUID:
    """The tenant of all grants that let the actor ask; raises Invalid when they are not over exactly one."""
    grants = [grant for grant in grants_of(actor) if grant.role in VERBS[VERB]]
    scopes = {(grant.scope_type, grant.scope_id) for grant in grants}
    if len(scopes) != 1 or next(iter(scopes))[0] != Scope.TENANT:
        raise Invalid("The tenant is taken from the credential, and this one speaks for more than one tenant.")
    return UUID(next(iter(scopes))[1])


def other_tenant(context: dict[str, Any], tenant: Tenant) -> str:
    """The key under which the context names a tenant that is not this one; empty when it does not.

    What a targeting key says otherwise, such as a user's id, is the caller's and changes nothing.
    """
    own = {str(tenant.pk), tenant.name}
    for key, value in context.items():
        plain = key.lower().replace("_", "").replace("-", "")
        if plain in NAMES and value not in (None, "") and str(value).lower() not in own:
            return key
    named = context.get("targetingKey")
    return "targetingKey" if _is_another(named, tenant) else ""


def _is_another(named: Any, tenant: Tenant) -> bool:
    try:
        pk = UUID(str(named))
    except ValueError:
        return False
    return pk != tenant.pk and Tenant.objects.filter(pk=pk).exists()


def note_refusal(actor: Actor, tenant: Tenant, key: str) -> None:
    """Write down that another tenant was named: once a quarter of an hour for each credential and tenant."""
    try:
        is_first = cache.add(f"flag-context:{actor.id}:{tenant.pk}", 1, RECORDED_SECONDS)
    except RedisError:
        is_first = True
    if is_first:
        with acting(actor, "the context named another tenant"):
            reason = "the context named another tenant"
            record("flag.context_refused", tenant, actor=actor, reason=reason, data={"key": key[:64]})
