"""Asking for a restore."""

from typing import NoReturn
from uuid import UUID

from portal.access import policy
from portal.access.actor import Actor
from portal.audit.context import action
from portal.guards import check_guards
from portal.lib.errors import Absent, Blocked, Invalid
from tenants.models import Tenant

VERB = "tenant.restore"


@action
def ask(tenant_id: UUID, *, actor: Actor, reason: str) -> NoReturn:
    """Refuse to restore a tenant: what forbids it says why, what would make it pass, and leaves its own record."""
    tenant = Tenant.objects.visible_to(actor).filter(pk=tenant_id).first()
    if tenant is None:
        raise Absent("There is no such tenant.")
    policy.require(actor, VERB, tenant)
    if not reason.strip():
        raise Invalid(fields={"reason": "say why; it is kept in the record"})
    check_guards(VERB, tenant)
    raise Blocked("Restores are not built yet.", by="restores", code="restore-blocked")  # whatever the guards allow
