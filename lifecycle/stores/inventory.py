"""Which tenants a region knows of, by what is there: for the search for orphans. Reads only."""

from collections import defaultdict
from uuid import UUID

from lifecycle.stores import tags
from lifecycle.stores.cache import users as cache_users
from lifecycle.stores.objects import keys
from lifecycle.stores.postgres.connection import connection, translated
from portal.lib.regions import Region

BY_TENANT = """
SELECT tenant_id, 'role ' || role_name FROM bw.tenant_role
UNION ALL SELECT tenant_id, 'bw.fence' FROM bw.fence
UNION ALL SELECT tenant_id, resource FROM bw.resource_tag
UNION ALL SELECT substr(relname, 15)::uuid, 'relation ' || relname FROM pg_class
    WHERE relnamespace = 'rag'::regnamespace AND relkind IN ('r', 'p') AND relname ~ '^chunk_vectors_[0-9a-f]{32}$'
UNION ALL SELECT substr(rolname, 3)::uuid, 'role ' || rolname FROM pg_roles WHERE rolname ~ '^t_[0-9a-f]{32}$'
"""


def tenants_found(region: Region) -> dict[UUID, set[str]]:
    """Return every tenant of which the region holds anything, with what it holds.

    A tenant in here that the registry does not know, or knows as gone, is an orphan. Keys that wait for their
    deletion do not count where nothing else is left.
    """
    found: dict[UUID, set[str]] = defaultdict(set)
    for arn, tenant_id in tags.owners(region).items():
        found[tenant_id].add(arn)
    with translated("inventory"), connection(region, "observer") as db:
        for tenant_id, resource in db.execute(BY_TENANT).fetchall():
            found[tenant_id].add(resource)
    for tenant_id in cache_users.tenants(region):
        found[tenant_id].add("cache user")
    return {tenant_id: held for tenant_id, held in found.items() if not _is_only_waiting(region, held)}


def _is_only_waiting(region: Region, held: set[str]) -> bool:
    """Say whether all that is left are keys that wait for their deletion."""
    if not all(":kms:" in one for one in held):
        return False
    states = [keys.read(region, arn) for arn in held]
    return all(state is None or state.state == "PendingDeletion" for state in states)
