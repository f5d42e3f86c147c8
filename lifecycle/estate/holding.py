"""What data a tenant's leftovers hold, said before anybody is asked to destroy them."""

from collections.abc import Iterable
from uuid import UUID

from django.conf import settings

from lifecycle.provisioning.subject import region_named
from lifecycle.stores import inventory, sweep
from lifecycle.stores.residue import Residue
from lifecycle.stores.secrets import store_of
from portal.lib.errors import Blocked

from .looking import names_of


def holds_of(tenant_id: UUID, region_name: str) -> dict[str, str]:
    """Where the tenant still has data in the region, and how much. Blocked while that cannot be looked at."""
    there = look(tenant_id, region_name)
    if there.not_checked:
        missed = "; ".join(f"{one.system}: {one.reason}" for one in there.not_checked)
        raise Blocked(f"Nobody can say what it holds: {missed}", by="inventory")
    return data_in(there.residue)


def look(tenant_id: UUID, region_name: str) -> sweep.Sweep:
    region = region_named(region_name)
    names = names_of(tenant_id, region_name, inventory.tenants_found(region).get(tenant_id, set()))
    return sweep.residue(region, names, secrets=store_of(region_name, settings.SECRETS_DIR))


def data_in(found: Iterable[Residue]) -> dict[str, str]:
    """Of all that is left what holds data: rows, vectors, objects in any version, keys of the cache, logs."""
    return {one.resource: one.detail for one in found if _holds(one)}


def _holds(one: Residue) -> bool:
    if one.system == "database":
        return one.resource.startswith("rag.")
    if one.system == "cache":
        return one.resource.endswith("*")
    if one.system == "objects":
        return "with 0 versions and markers, 0 open uploads" not in one.detail
    return one.system in ("vectors", "logs") and one.quantity > 0
