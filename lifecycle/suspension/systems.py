"""The systems of a tenant, as the inventory names them, and how each is brought to where the tenant stands.

Each function leaves its system as the tenant's status wants it, reads that back, and may be called again at any time.
It says in `state` how the system is then, or `skipped` and why nothing was done there.
"""

from collections.abc import Callable
from dataclasses import dataclass

import httpx
from django.conf import settings

from lifecycle.stores.cache import users as cache_users
from lifecycle.stores.errors import Permanent, StoreError, Transient
from lifecycle.stores.logs import groups
from lifecycle.stores.names import TenantNames
from lifecycle.stores.objects import buckets
from lifecycle.stores.postgres import fences, rows
from portal.jobs.kinds import Evidence
from portal.lib.regions import Region, load
from tenants import connect
from tenants.models import Status, Tenant
from tenants.queries import LastMove, platform_url


@dataclass(frozen=True)
class Place:
    """A tenant where it is served, and where it stands."""

    tenant: Tenant
    region: Region
    names: TenantNames
    stands: LastMove

    @property
    def is_in_use(self) -> bool:
        return self.stands.status == Status.ACTIVE


@dataclass(frozen=True)
class System:
    """One system of the inventory."""

    name: str
    title: str
    bring: Callable[[Place], Evidence]


def postgres(place: Place) -> Evidence:
    """Flip the fence row in every store that has one. A store elsewhere that is away counts while the tenant moves."""
    stores = {place.region.name: _fence(place, place.region)}
    for region in load(settings.REGIONS_FILE).values():
        if region.name == place.region.name:
            continue
        try:
            stores[region.name] = _fence(place, region)
        except StoreError:
            if place.tenant.operation:
                raise
            stores[region.name] = "not reached"
    if stores[place.region.name] == "no row":
        raise Permanent("database", "fence", f"{place.region.name} has no fence row for the tenant")
    return {"state": stores[place.region.name], "stores": stores}


def _fence(place: Place, region: Region) -> str:
    if fences.read(region, place.tenant.pk) is None:
        return "no row"
    wanted = not place.is_in_use
    fences.set_suspended(region, place.tenant.pk, wanted, place.stands.version)
    found = fences.read(region, place.tenant.pk)
    if found is None or found.status_version < place.stands.version:
        raise Transient("database", "fence", f"{region.name} does not have version {place.stands.version}")
    if found.status_version == place.stands.version and found.suspended != wanted:
        raise Permanent("database", "fence", f"{region.name} says otherwise at version {found.status_version}")
    return "fenced" if found.suspended else "open"


def vectors(place: Place) -> Evidence:
    """Read-only by the fence of its own store; a provider outside has no such state, and that is said."""
    if place.tenant.vector_provider != "pgvector":
        why = "cannot make one namespace read-only; a vector is written only once PostgreSQL, fenced, has its document."
        return {"state": "skipped", "why": f"{place.tenant.vector_provider} {why}"}
    fence = fences.read(place.region, place.tenant.pk)
    if fence is None or fence.suspended == place.is_in_use:
        raise Transient("vectors", "fence", "the store's fence has not followed yet")
    return {"state": "read-only" if fence.suspended else "open"}


DENIED: dict[str, list[str]] = {
    Status.ACTIVE: [],
    Status.SUSPENDED: buckets.WRITES,
    Status.ARCHIVED: buckets.EVERYTHING,
}


def objects(place: Place) -> Evidence:
    """Deny the tenant writes on its bucket, or everything once it is archived."""
    wanted = DENIED[place.stands.status]
    found = buckets.shut(place.region, place.names, wanted)
    if found != tuple(wanted):
        raise Transient("objects", "read back", f"the bucket denies {', '.join(found) or 'nothing'}")
    return {"state": "open" if place.is_in_use else "denied", "denied": list(found)}


def cache(place: Place) -> Evidence:
    """Switch the cache user off with its password kept, or on again."""
    found = cache_users.let_in(place.region, place.names.cache_user, place.is_in_use)
    if found is None:
        raise Permanent("cache", "ACL SETUSER", f"there is no user {place.names.cache_user}")
    if found.is_on != place.is_in_use:
        raise Transient("cache", "read back", "the user is not as it was just set")
    return {"state": "on" if found.is_on else "off"}


def logs(place: Place) -> Evidence:
    """Tag the log group, so that who reads it or pays for it sees why it is quiet."""
    wanted = "" if place.is_in_use else str(place.stands.status)
    found = groups.set_status(place.region, place.names.log_group, wanted)
    if found is None:
        raise Permanent("logs", "TagResource", f"there is no log group {place.names.log_group}")
    if found.status != wanted:
        raise Transient("logs", "read back", "the tag is not as it was just set")
    return {"state": f"tagged {wanted}" if wanted else "untagged"}


def keys(place: Place) -> Evidence:
    """Nothing is revoked: the platform's own refusal, asked like any caller, is what stops every key and token."""
    if not platform_url(place.tenant.region):
        return {"state": "skipped", "why": "There is no platform in this region that could admit anybody."}
    wanted = place.is_in_use and not place.tenant.is_restricted
    try:
        served = connect.is_served(place.tenant)
    except httpx.HTTPError as error:
        raise Transient("platform", "ask", str(error)) from error
    if served != wanted:
        raise Transient("platform", "ask", "it still lets the tenant in" if served else "it does not let it in yet")
    return {"state": "admitted" if served else "refused", "keys": rows.count(place.region, place.tenant.pk)["api_keys"]}


def usage(place: Place) -> Evidence:
    """Nothing to switch."""
    why = "Metered at the platform's doors: what is not served is not counted. What was used before is still reported."
    return {"state": "skipped", "why": why}


def backups(place: Place) -> Evidence:
    """Nothing to switch."""
    return {"state": "skipped", "why": "This installation takes no backups yet, so none is paused or resumed."}


SYSTEMS = (
    System("postgres", "PostgreSQL", postgres),
    System("vectors", "Vector store", vectors),
    System("objects", "Object store", objects),
    System("cache", "Cache", cache),
    System("logs", "Logs", logs),
    System("api_keys", "API keys", keys),
    System("usage", "Usage and analytics", usage),
    System("backups", "Backups", backups),
)
