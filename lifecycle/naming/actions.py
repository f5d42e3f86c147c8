"""Decides what a set will be called, before anything of it is made."""

from django.conf import settings

from lifecycle.provisioning.subject import backend
from lifecycle.provisioning.terraform.backend import read_state
from lifecycle.stores.names import TenantNames
from lifecycle.stores.secrets import store_of
from portal.access.actor import Actor
from portal.audit.context import action
from tenants.models import Tenant

from .models import RegionalSet
from .queries import names_in, names_to_be


def name_set(tenant: Tenant, region: str, *, actor: Actor, reason: str) -> None:
    """Let the set bear its region, unless it is the first, or is there already by other names: those it keeps."""
    there, wanted = names_in(tenant, region), names_to_be(tenant, region)
    if wanted.bears_region and not there.bears_region and not _is_made(there):
        _named(tenant, region, actor=actor, reason=reason)


def _is_made(names: TenantNames) -> bool:
    made = (read_state(backend(), names.state_key) or {}).get("resources")
    return bool(made or store_of(names.region, settings.SECRETS_DIR).read(names.tenant_id))


@action
def _named(tenant: Tenant, region: str, *, actor: Actor, reason: str) -> None:
    RegionalSet.objects.get_or_create(tenant=tenant, region=region)
