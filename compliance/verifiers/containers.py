"""What exists in a region that could hold somebody's data: tables, buckets, indexes, log groups, kinds of keys.

Raw findings of the read-only credentials; the inventory decides which of them are known.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from uuid import UUID

from portal.lib.regions import Region

from . import aws, buckets, cache, groups, tables
from .answering import ids_in
from .database import opened
from .pinecone import Account

PATIENCE = 20.0
TENANTS = "SELECT tenant_id FROM bw.fence"


@dataclass(frozen=True)
class Container:
    """One thing that exists; `tenant` where it says whose it is."""

    kind: str
    name: str
    tenant: UUID | None = None


def of_database(region: Region) -> Iterator[Container]:
    """Tables with tenants' rows."""
    with opened(region) as db:
        for one in tables.read(db):
            yield Container("table", str(one), _tenant(one.name) if one.is_vectors else None)


def of_objects(region: Region) -> Iterator[Container]:
    """Buckets, each with the tenant its tags name."""
    s3 = aws.client(region, "s3", PATIENCE)
    for name in buckets.names(s3, region):
        owner = buckets.owner(s3, name)
        if owner is not None:
            yield Container("bucket", name, _tenant(owner))


def of_pinecone(region: Region) -> Iterator[Container]:
    """Indexes, and namespaces that hold something."""
    if region.pinecone is None:
        return
    with Account(region, PATIENCE) as account:
        yield from (Container("index", name) for name in account.indexes())
        for one in account.namespaces():
            if one.records:
                yield Container("namespace", f"{one.index}/{one.name}", _tenant(one.name))


def of_logs(region: Region) -> Iterator[Container]:
    for name in groups.names(aws.client(region, "logs", PATIENCE)):
        yield Container("log_group", name, _tenant(name))


def of_cache(region: Region) -> Iterator[Container]:
    """Kinds of keys: a tenant's, or whatever else they begin with."""
    found = set()
    for number in cache.databases(region, PATIENCE):
        with cache.client(region, PATIENCE, number) as db:
            found |= {_space(key) for key in cache.keys(db)}
    yield from sorted(found, key=lambda one: one.name)


LOOKS: dict[str, Callable[[Region], Iterator[Container]]] = {
    "postgres": of_database,
    "vectors": of_pinecone,
    "objects": of_objects,
    "cache": of_cache,
    "logs": of_logs,
}


def tenants(region: Region) -> set[UUID]:
    """Whom the region itself knows: everybody who was ever let in here, and not yet removed."""
    with opened(region) as db:
        return {one for (one,) in db.execute(TENANTS)}


def _tenant(name: str) -> UUID | None:
    """The one tenant a name speaks of."""
    found = set(ids_in(name.replace("_", "/")))
    return UUID(found.pop()) if len(found) == 1 else None


def _space(key: str) -> Container:
    owner = cache.OF_A_TENANT.match(key)
    if owner:
        return Container("key_space", owner[0] + "*", UUID(owner[1]))
    return Container("key_space", key.partition(":")[0][:100] + ":*")
