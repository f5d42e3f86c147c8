"""Where a tenant's vectors live, behind one shape."""

from array import array
from collections.abc import Sequence
from typing import Protocol
from uuid import UUID

from ..binding import Binding
from ..database import Connection
from ..visibility import Viewer

Place = tuple[UUID, int]
"""A passage: document id and ordinal."""


class VectorStore(Protocol):
    """What every vector store does; the connection is inside the caller's tenant transaction."""

    def search(
        self, connection: Connection, binding: Binding, vector: "array[float]", viewer: Viewer, count: int
    ) -> list[Place]:
        """The nearest passages, best first; what the viewer may see comes first if the store can tell."""
        ...

    def write(
        self, connection: Connection, binding: Binding, document_id: UUID, vectors: Sequence["array[float]"]
    ) -> None:
        """Store a document's vectors, or note in the outbox that they are to be stored once the rows are."""
        ...

    def remove(self, connection: Connection, binding: Binding, document_id: UUID) -> None:
        """Remove a document's vectors, or note in the outbox that they are to go."""
        ...
