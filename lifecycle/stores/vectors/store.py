"""What every vector provider offers for a tenant's namespace, and which provider serves it."""

from dataclasses import dataclass
from typing import Protocol

from lifecycle.stores.errors import Permanent
from lifecycle.stores.names import TenantNames
from portal.lib.regions import Region


@dataclass(frozen=True)
class NamespaceState:
    """A namespace as it is. `vectors` is None where the provider cannot count; `deviation` says what is wrong."""

    provider: str
    namespace: str
    index: str
    vectors: int | None
    deviation: str = ""


class VectorStore(Protocol):
    """A provider of vector namespaces in one region."""

    provider: str

    def ensure(self, names: TenantNames) -> NamespaceState:
        """Make the tenant's namespace; the same again changes nothing."""

    def read(self, names: TenantNames) -> NamespaceState | None:
        """Return the namespace as it really is, or None."""

    def empty(self, names: TenantNames) -> None:
        """Delete every vector of the namespace."""

    def remove(self, names: TenantNames) -> bool:
        """Remove the namespace; true when it was there. A store that can refuse one with vectors in it does."""


def store_of(region: Region, provider: str, index: str = "") -> VectorStore:
    """Return the region's store of this provider, or Permanent where the region has none."""
    if provider == "pgvector" and region.has_pgvector:
        from lifecycle.stores.vectors.pgvector import PgVector

        return PgVector(region)
    if provider == "pinecone" and region.pinecone:
        from lifecycle.stores.vectors.pinecone import Pinecone

        return Pinecone(region, region.pinecone, index)
    raise Permanent("vectors", "choose", f"{region.name} has no {provider}")
