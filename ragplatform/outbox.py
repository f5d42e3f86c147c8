"""Work in stores that have no part in the rows' transaction: noted with the rows, done after commit, then struck off.

Every action may be done twice. A row that a killed process left behind is done by whoever finds it.
"""

import logging
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import UUID

from psycopg.types.json import Jsonb

from .binding import Binding, Bindings, Unbound
from .database import Connection, Database
from .embedding import embed
from .ids import new_id
from .objects import Objects
from .problems import Problem
from .vectors.pgvector import Pgvector
from .vectors.pinecone import NotSettled, PineconeVectors

LOG = logging.getLogger("ragplatform.outbox")
# An upload that is still running has a note too; it is over long before this.
STALE_SECONDS = 60
OF_DOCUMENT = """
    SELECT id, document_id, action, coalesce(detail->>'object_key', '') FROM rag.document_outbox
    WHERE tenant_id = %s AND document_id = %s ORDER BY id
"""
STALE = """
    SELECT id, document_id, action, coalesce(detail->>'object_key', '') FROM rag.document_outbox
    WHERE tenant_id = %s AND created_at < now() - make_interval(secs => %s) ORDER BY id LIMIT 100
"""
STRIKE = "DELETE FROM rag.document_outbox WHERE tenant_id = %s AND id = %s"
KEEP = "SELECT FROM rag.documents WHERE tenant_id = %s AND id = %s FOR KEY SHARE"
PASSAGES = """
    SELECT d.title, c.body FROM rag.chunks c JOIN rag.documents d ON d.tenant_id = c.tenant_id AND d.id = c.document_id
    WHERE c.tenant_id = %s AND c.document_id = %s ORDER BY c.ordinal
"""
# Only what deletes is claimed by a change: a hold refuses that, and lets what is written go on.
CLAIM = "UPDATE rag.document_outbox SET attempts = attempts + 1 WHERE tenant_id = %s AND id = %s"
WRITE = "SELECT FROM rag.document_outbox WHERE tenant_id = %s AND id = %s"
STAND = "UPDATE rag.document_outbox SET last_error = last_error WHERE tenant_id = %s AND id = %s"


@dataclass(frozen=True)
class Item:
    """One row of the outbox."""

    id: UUID
    document_id: UUID
    action: str
    object_key: str


def promise_delete(connection: Connection, tenant_id: UUID, document_id: UUID, object_key: str) -> Item:
    """Note that the object is to be deleted, unless the note is struck off in the transaction that makes it visible."""
    item = Item(new_id(), document_id, "delete_object", object_key)
    connection.execute(
        "INSERT INTO rag.document_outbox (tenant_id, id, document_id, action, detail) VALUES (%s, %s, %s, %s, %s)",
        (tenant_id, item.id, document_id, item.action, Jsonb({"object_key": object_key})),
    )
    return item


def call_off(connection: Connection, tenant_id: UUID, item: Item) -> bool:
    """Remove a note nobody has begun to act on; False when somebody has: then the promise is being kept."""
    done = connection.execute(
        "DELETE FROM rag.document_outbox WHERE tenant_id = %s AND id = %s AND attempts = 0", (tenant_id, item.id)
    )
    return done.rowcount == 1


class Outbox:
    """Does what is noted."""

    def __init__(self, database: Database, objects: Objects, pinecone: PineconeVectors | None) -> None:
        self._database = database
        self._objects = objects
        self._pinecone = pinecone

    def settle_document(self, binding: Binding, document_id: UUID) -> bool:
        """Do everything noted for a document now; False when something has to wait for the sweep."""
        with self._database.tenant(binding) as connection:
            items = [Item(*row) for row in connection.execute(OF_DOCUMENT, (binding.tenant_id, document_id))]
        done = [self._try(binding, item) for item in items]
        return all(done)

    def sweep(self, bindings: Bindings) -> int:
        """Do what killed or failed requests left behind, tenant by tenant; returns how many notes were struck off."""
        done = 0
        for tenant_id in bindings.tenants():
            try:
                done += self._sweep_tenant(bindings.of(tenant_id))
            except (Unbound, Problem) as error:
                LOG.info("outbox.sweep.skipped tenant=%s reason=%s", tenant_id, error)
        return done

    def _sweep_tenant(self, binding: Binding) -> int:
        with self._database.tenant(binding) as connection:
            items = [Item(*row) for row in connection.execute(STALE, (binding.tenant_id, STALE_SECONDS))]
        return sum([self._try(binding, item) for item in items])

    def _try(self, binding: Binding, item: Item) -> bool:
        try:
            if self._claim(binding, item):
                self._do(binding, item)
            return True
        except (Problem, NotSettled) as error:
            reason = str(error)
        except Exception as error:  # noqa: BLE001  (the SDK of a store may raise anything; the note stays)
            reason = f"{type(error).__name__}: {error}"
        LOG.warning("outbox.failed tenant=%s item=%s action=%s", binding.tenant_id, item.id, item.action)
        try:
            self._note_failure(binding, item, reason)
        except Problem as problem:  # the note itself stays, and what asked for it is done already
            LOG.info("outbox.unnoted tenant=%s item=%s reason=%s", binding.tenant_id, item.id, problem)
        return False

    def _note_failure(self, binding: Binding, item: Item, reason: str) -> None:
        with self._database.tenant(binding) as connection:
            connection.execute(
                "UPDATE rag.document_outbox SET last_error = %s WHERE tenant_id = %s AND id = %s",
                (reason[:500], binding.tenant_id, item.id),
            )

    def _claim(self, binding: Binding, item: Item) -> bool:
        """Say that the note is being acted on, before anything happens: from here call_off() fails.

        Under a legal hold the store refuses this of what deletes: the note stays, and is found when that is released.
        """
        with self._database.tenant(binding) as connection:
            claimed = connection.execute(
                WRITE if item.action == "upsert_vectors" else CLAIM, (binding.tenant_id, item.id)
            )
        return claimed.rowcount == 1

    def _do(self, binding: Binding, item: Item) -> None:
        if item.action != "delete_object" and binding.vector_provider == "pgvector":
            self._as_rows(binding, item)
            return
        if item.action == "delete_object":
            self._delete_object(binding, item)
        elif self._pinecone is None:
            raise NotSettled("this region has no external vector store")
        elif item.action == "delete_vectors":
            self._pinecone.delete(binding, item.document_id, lambda: self._unheld(binding, item))
        else:
            self._upsert(binding, item, self._pinecone)
        with self._database.tenant(binding) as connection:
            struck = connection.execute(STRIKE, (binding.tenant_id, item.id))
        if item.action == "upsert_vectors" and struck.rowcount == 0 and self._pinecone is not None:
            # the document was deleted while its vectors were on their way: noted like any other deletion, for a hold
            with self._database.tenant(binding) as connection:
                self._pinecone.remove(connection, binding, item.document_id)
            self.settle_document(binding, item.document_id)

    @contextmanager
    def _unheld(self, binding: Binding, item: Item) -> Iterator[None]:
        """Inside, for one call that deletes: no hold stands, and who places one waits until the call has ended.

        A call that takes longer than the transaction may idle is no longer waited for, and leaves the note where it is.
        """
        with self._database.tenant(binding) as connection:
            if connection.execute(STAND, (binding.tenant_id, item.id)).rowcount != 1:
                raise NotSettled("somebody else has done it")
            yield

    def _delete_object(self, binding: Binding, item: Item) -> None:
        with self._database.tenant(binding) as connection:
            used = connection.execute(
                "SELECT FROM rag.documents WHERE tenant_id = %s AND id = %s AND object_key = %s",
                (binding.tenant_id, item.document_id, item.object_key),
            ).fetchone()
        if used is None:
            with self._unheld(binding, item):
                self._objects.delete(binding, item.object_key)

    def _as_rows(self, binding: Binding, item: Item) -> None:
        """What was noted where vectors are outside, done here, where they are rows: the tenant moved in between."""
        store = Pgvector()
        with self._database.tenant(binding) as connection:
            # locks out a deletion of the document, which would leave behind what is written here
            connection.execute(KEEP, (binding.tenant_id, item.document_id))
            if connection.execute(STRIKE, (binding.tenant_id, item.id)).rowcount:
                store.remove(connection, binding, item.document_id)
                if item.action == "upsert_vectors":
                    store.write(connection, binding, item.document_id, _embedded(connection, binding, item))

    def _upsert(self, binding: Binding, item: Item, pinecone: PineconeVectors) -> None:
        with self._database.tenant(binding) as connection:
            vectors = _embedded(connection, binding, item)
        pinecone.upsert(binding, item.document_id, vectors)


def _embedded(connection: Connection, binding: Binding, item: Item) -> "list[array[float]]":
    """The vectors of the document's passages, made anew."""
    rows = connection.execute(PASSAGES, (binding.tenant_id, item.document_id))
    return [embed(f"{title}\n{body}") for title, body in rows]
