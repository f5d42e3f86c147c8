"""How a tenant's own application gets to the platform: a short token, or an API key that is shown once.

The key is made by the platform itself, which keeps only its SHA-256; the portal sees it pass by and keeps nothing.
"""

from uuid import UUID

import httpx

from portal.access import jwt, policy
from portal.access.actor import Actor
from portal.access.reading import note_read
from portal.audit.actions import record
from portal.audit.queries import entries_by
from portal.lib.errors import Absent, Blocked, Conflict, Invalid

from .models import Status, Tenant
from .queries import platform_url

SCOPES = ("read", "write", "admin")
NOT_ACTIVE = "urn:bailiwick:problem:tenant-not-active"
TIMEOUT_SECONDS, REVOKE_SECONDS = 10, 3


class NotServed(Exception):
    """The platform serves nothing of this tenant now."""

    def __init__(self, status: str) -> None:
        super().__init__(status)
        self.status = status


def access_token(tenant_id: UUID, *, actor: Actor, scopes: list[str]) -> tuple[str, str]:
    """Return a 15-minute token for an active tenant, and where to use it."""
    tenant = _connectable(tenant_id, actor)
    record("tenant.token_issued", tenant, actor=actor, data={"scopes": sorted(set(scopes))})
    return _token(tenant, actor.id, scopes), platform_url(tenant.region)


def issue_key(tenant_id: UUID, *, actor: Actor, reason: str, name: str, scopes: list[str]) -> str:
    """Have the platform make an API key for the tenant and return it; it cannot be shown again."""
    unknown = sorted(set(scopes) - set(SCOPES))
    if unknown or not scopes:
        raise Invalid(fields={"scopes": f"one or more of {', '.join(SCOPES)}"})
    tenant = _connectable(tenant_id, actor)
    token, url = access_token(tenant_id, actor=actor, scopes=["admin"])
    try:
        answer = httpx.post(
            f"{url}/v1/api-keys",
            json={"name": name, "scopes": sorted(set(scopes))},
            headers={"Authorization": f"Bearer {token}"},
            timeout=TIMEOUT_SECONDS,
        )
    except httpx.HTTPError as error:
        raise Blocked(f"The platform in {tenant.region} does not answer; try again.", by="platform") from error
    if answer.is_error:
        raise Conflict(f"The platform refused: {_said(answer)}", code="key-refused")
    made = answer.json()
    record("tenant.key_issued", tenant, actor=actor, reason=reason, data={"key": made["id"], "scopes": scopes})
    return str(made["key"])


def revoke_keys_of(user_id: UUID, tenant_id: UUID) -> int:
    """Have the platform revoke every key of the tenant that this person issued.

    Raises NotServed while the platform refuses the tenant, and httpx.HTTPError when it did not answer.
    """
    tenant = Tenant.objects.get(pk=tenant_id)
    token = _token(tenant, "system:access", ["admin", "validate"])
    answer = httpx.delete(
        f"{platform_url(tenant.region)}/v1/api-keys",
        params={"issued_by": str(user_id)},
        headers={"Authorization": f"Bearer {token}"},
        timeout=REVOKE_SECONDS,
    )
    if answer.status_code == 403 and NOT_ACTIVE in answer.text:
        raise NotServed(tenant.status)
    revoked = int(answer.raise_for_status().json()["revoked"])
    if revoked:
        data = {"user": user_id, "revoked": revoked}
        record("tenant.keys_revoked", tenant, actor=Actor.system("access"), reason="the account ended", data=data)
    return revoked


def is_served(tenant: Tenant) -> bool:
    """Ask the tenant's platform itself, with a token like any other, whether it lets the tenant in now.

    Raises httpx.HTTPError when it does not answer, or answers something else.
    """
    token = _token(tenant, "system:lifecycle", ["read"])
    answer = httpx.get(
        f"{platform_url(tenant.region)}/v1/usage", headers={"Authorization": f"Bearer {token}"}, timeout=REVOKE_SECONDS
    )
    if answer.status_code == 403 and NOT_ACTIVE in answer.text:
        return False
    answer.raise_for_status()
    return True


def tenants_reached_by(user_id: UUID) -> list[UUID]:
    """The tenants whose platform this person was ever given a token or a key for."""
    issued = entries_by(str(user_id), ["tenant.token_issued", "tenant.key_issued"])
    return [pk for pk in issued.values_list("tenant_id", flat=True).distinct() if pk]


def _token(tenant: Tenant, subject: str, scopes: list[str]) -> str:
    scope = " ".join(sorted(set(scopes)))
    return jwt.mint(subject, audience=jwt.PLATFORM_AUDIENCE, tenant=str(tenant.pk), scope=scope)


def _said(answer: httpx.Response) -> object:
    """What the platform gives as its reason; a proxy in between may answer with anything."""
    try:
        found = answer.json()
    except ValueError:
        found = None
    return found.get("detail", answer.status_code) if isinstance(found, dict) else answer.status_code


def _connectable(tenant_id: UUID, actor: Actor) -> Tenant:
    tenant = Tenant.objects.visible_to(actor).filter(pk=tenant_id).first()
    if tenant is None:
        raise Absent("There is no such tenant.")
    policy.require(actor, "tenant.connect", tenant)
    note_read(actor, tenant, route="connection")
    if tenant.status != Status.ACTIVE or tenant.is_restricted:
        raise Conflict("Only an active tenant can be connected to.", code="not-active")
    return tenant
