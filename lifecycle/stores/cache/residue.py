"""What a region's cache still holds of a tenant."""

from lifecycle.stores.cache import keys, users
from lifecycle.stores.names import TenantNames
from lifecycle.stores.residue import Residue
from portal.lib.regions import Region


def residue(region: Region, names: TenantNames) -> list[Residue]:
    """Return the tenant's Redis user and how many keys it has left."""
    found = []
    if users.read(region, names.cache_user):
        found.append(Residue("cache", f"user {names.cache_user}", "exists", unit="none"))
    number = keys.count(region, names.cache_prefix)
    if number:
        found.append(Residue("cache", f"{names.cache_prefix}*", f"{number} keys", unit="none"))
    return found
