"""pgvector: the tenant's own partition, in the same transaction as the rows."""

from array import array
from collections.abc import Sequence
from uuid import UUID

from psycopg import errors, sql

from ..binding import Binding
from ..database import Connection
from ..problems import unavailable
from ..visibility import Viewer, visible
from . import Place

# Exact search: within one tenant's partition a scan of 256 dimensions costs about a microsecond a passage and misses
# nothing. An approximate index is for partitions of millions, built after load.
NEAREST = sql.SQL("""
    SELECT v.document_id, v.ordinal FROM rag.chunk_vectors v
    WHERE v.tenant_id = %(tenant)s AND {visible}
    ORDER BY v.embedding <=> %(vector)b LIMIT %(count)s
""").format(visible=visible("v", "document_id"))
INSERT = """
    INSERT INTO rag.chunk_vectors (tenant_id, document_id, ordinal, embedding)
    SELECT %s, %s, ordinal - 1, embedding FROM unnest(%b) WITH ORDINALITY AS t(embedding, ordinal)
"""


class Pgvector:
    """Vectors in rag.chunk_vectors."""

    def search(
        self, connection: Connection, binding: Binding, vector: "array[float]", viewer: Viewer, count: int
    ) -> list[Place]:
        """Exact nearest neighbours by cosine distance, among what the viewer may see."""
        found = connection.execute(NEAREST, {**viewer.parameters(), "vector": vector, "count": count})
        return [(document_id, ordinal) for document_id, ordinal in found]

    def write(
        self, connection: Connection, binding: Binding, document_id: UUID, vectors: Sequence["array[float]"]
    ) -> None:
        """Visible with the rows or not at all."""
        if not vectors:
            return
        try:
            connection.execute(INSERT, (binding.tenant_id, document_id, list(vectors)))
        except errors.CheckViolation as error:
            raise unavailable("The tenant's vector partition is not attached.", 5) from error

    def remove(self, connection: Connection, binding: Binding, document_id: UUID) -> None:
        """Gone with the rows."""
        connection.execute(
            "DELETE FROM rag.chunk_vectors WHERE tenant_id = %s AND document_id = %s", (binding.tenant_id, document_id)
        )
