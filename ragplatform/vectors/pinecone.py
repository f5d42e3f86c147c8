"""Pinecone (or a double that speaks its protocol): written after commit through the outbox, namespace per tenant."""

import time
from array import array
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any
from uuid import UUID

from pinecone import Index, Pinecone

from ..binding import Binding
from ..database import Connection
from ..ids import new_id
from ..visibility import Viewer
from . import Place

BATCH = 200
# The store cannot know who may see what, so it is asked for more and the rows decide.
OVERFETCH = 4
SETTLE_SECONDS, SETTLE_PAUSE = 10.0, 0.05


class NotSettled(Exception):
    """The index has not yet shown what was written; to be tried again."""


class PineconeVectors:
    """Vectors in one serverless index, ids `<document hex>#<ordinal>`."""

    def __init__(self, host: str, api_key: str) -> None:
        self._client = Pinecone(api_key=api_key, host=host)
        self._indexes: dict[str, Index] = {}

    def search(
        self, connection: Connection, binding: Binding, vector: "array[float]", viewer: Viewer, count: int
    ) -> list[Place]:
        """Nearest neighbours of the tenant's namespace."""
        found = self._index(binding).query(
            vector=list(vector), top_k=count * OVERFETCH, namespace=binding.vector_namespace
        )
        return [_place(match.id) for match in found.matches]

    def write(
        self, connection: Connection, binding: Binding, document_id: UUID, vectors: Sequence["array[float]"]
    ) -> None:
        """Note the work; upsert() does it once the rows are committed."""
        self._note(connection, binding, document_id, "upsert_vectors")

    def remove(self, connection: Connection, binding: Binding, document_id: UUID) -> None:
        """Note the work; delete() does it once the rows are gone. Uploads still waiting are called off."""
        connection.execute(
            "DELETE FROM rag.document_outbox WHERE tenant_id = %s AND document_id = %s AND action = 'upsert_vectors'",
            (binding.tenant_id, document_id),
        )
        self._note(connection, binding, document_id, "delete_vectors")

    def upsert(self, binding: Binding, document_id: UUID, vectors: Sequence["array[float]"]) -> None:
        """Store a document's vectors; returns when the index shows the last of them, else raises NotSettled."""
        index, records = self._index(binding), list(_records(document_id, vectors))
        committed = 0
        for start in range(0, len(records), BATCH):
            answer = index.upsert(
                vectors=records[start : start + BATCH], namespace=binding.vector_namespace, show_progress=False
            )
            info = answer.response_info
            committed = max(committed, (info.lsn_committed if info else 0) or 0)
        if records:
            self._settle(index, binding, committed, records[-1]["values"])

    def delete(self, binding: Binding, document_id: UUID, unheld: Callable[[], AbstractContextManager[None]]) -> None:
        """Delete a document's vectors, page by page, until listing them finds none; each page inside `unheld`."""
        index, prefix = self._index(binding), f"{document_id.hex}#"
        deadline = time.monotonic() + SETTLE_SECONDS
        while ids := _listed(index, binding.vector_namespace, prefix):
            with unheld():
                index.delete(ids=ids, namespace=binding.vector_namespace)
            if time.monotonic() > deadline:
                raise NotSettled(f"vectors of {document_id} are still listed")
            time.sleep(SETTLE_PAUSE)

    def _settle(self, index: Index, binding: Binding, committed: int, probe: list[float]) -> None:
        """Wait until a query is answered from at least the position of our last write (the LSN headers)."""
        deadline = time.monotonic() + SETTLE_SECONDS
        while time.monotonic() < deadline:
            answer = index.query(vector=probe, top_k=1, namespace=binding.vector_namespace)
            info = answer.response_info
            if info is not None and info.lsn_reconciled is not None and info.lsn_reconciled >= committed:
                return
            time.sleep(SETTLE_PAUSE)
        raise NotSettled(f"the index has not reached position {committed}")

    def _index(self, binding: Binding) -> Index:
        held = self._indexes.get(binding.vector_index)
        if held is None:
            held = self._indexes[binding.vector_index] = self._client.index(binding.vector_index)
        return held

    def _note(self, connection: Connection, binding: Binding, document_id: UUID, action: str) -> None:
        connection.execute(
            "INSERT INTO rag.document_outbox (tenant_id, id, document_id, action) VALUES (%s, %s, %s, %s)",
            (binding.tenant_id, new_id(), document_id, action),
        )


def _records(document_id: UUID, vectors: Sequence["array[float]"]) -> Iterator[dict[str, Any]]:
    for ordinal, vector in enumerate(vectors):
        # a text without a word has no direction, and the store refuses a vector of zeros
        if any(vector):
            yield {"id": f"{document_id.hex}#{ordinal}", "values": list(vector)}


def _place(vector_id: str) -> Place:
    document, _, ordinal = vector_id.partition("#")
    return UUID(document), int(ordinal)


def _listed(index: Index, namespace: str, prefix: str) -> list[str]:
    page = index.list_paginated(prefix=prefix, limit=100, namespace=namespace)
    return [str(vector.id) for vector in page.vectors]
