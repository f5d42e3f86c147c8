"""What is to be erased in one region, and what an eraser owes to who runs it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal, Protocol
from uuid import UUID

from lifecycle.stores.names import TenantNames

Kind = Literal["tenant", "person", "document"]
RESOURCE = "erasure"  # the resource class of whoever erases a whole tenant
BATCH = 5000


def resource_of(kind: str, request_id: UUID) -> str:
    """A whole tenant is erased alone; people and documents of one go side by side, each under an epoch of its own."""
    return RESOURCE if kind == "tenant" else f"{RESOURCE}:{request_id}"


@dataclass(frozen=True)
class Target:
    """Whom it concerns in one region. `documents` are fixed before anything is deleted.

    Of a tenant: everything, `documents` is empty. Of a person: `user_id`, and the documents that this person owns. Of
    documents: those. `kept` are the parts that a law keeps, each with its system's code; with `only` nothing but those
    parts is to go, which a law kept until now. `epoch` is the job's, of
    `resource`: a store that knows a later one refuses this worker.
    """

    request_id: UUID
    names: TenantNames
    kind: Kind
    epoch: int
    user_id: UUID | None = None
    documents: tuple[UUID, ...] = ()
    vector_provider: str = "pgvector"
    vector_index: str = ""
    vector_namespace: str = ""
    kept: tuple[tuple[str, str], ...] = ()
    only: tuple[tuple[str, str], ...] = ()

    def kept_of(self, system: str) -> frozenset[str]:
        """The parts of one system that are kept."""
        return frozenset(part for name, part in self.kept if name == system)

    def only_of(self, system: str) -> frozenset[str]:
        """The parts of one system to which the erasure is confined; none: it is not."""
        return frozenset(part for name, part in self.only if name == system)

    @property
    def tenant_id(self) -> UUID:
        return self.names.tenant_id

    @property
    def is_whole_tenant(self) -> bool:
        return self.kind == "tenant"

    @property
    def resource(self) -> str:
        """The resource class of its job, whose epoch each store checks."""
        return resource_of(self.kind, self.request_id)


Alive = Callable[[int], None]
"""Told, at least at every batch, how many listed ids are known to be gone. Renews the lease, and may raise to stop."""


class Eraser(Protocol):
    """One system of one region. Errors are lifecycle.stores.errors; Held where the region's hold row says so."""

    system: str

    def ids(self, target: Target) -> Iterator[str]:
        """Every record that is to go, each once, streamed: what the manifest commits to and verifiers look for."""

    def erase(self, target: Target, alive: Alive) -> int:
        """Remove what belongs to the target; return how many ids of the manifest the store says are gone now.

        Killed anywhere, it goes on when called again, and the number comes out the same. What the target did not name
        when its ids were listed is left where it is, so that it is found.
        """

    def settle(self, target: Target) -> None:
        """Return once the store's own sign says that the removal shows everywhere; Transient when it does not come."""
