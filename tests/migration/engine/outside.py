"""Two regions whose vectors may be in Pinecone, spoken to by its real SDK, and a platform that writes as ours does."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pinecone

from lifecycle.migration.engine.move import Held, Move
from lifecycle.stores.vectors import pinecone as accounts
from portal.embedded.aws.store import Store
from portal.embedded.aws.transport import build
from portal.embedded.aws.web import Request, Response
from portal.embedded.pinecone_double import app
from portal.embedded.pinecone_double.schema import SCHEMA
from portal.lib.regions import Pinecone as Account
from portal.lib.regions import Region
from ragplatform.binding import Binding
from ragplatform.database import Database
from ragplatform.embedding import embed
from ragplatform.outbox import Outbox
from ragplatform.vectors import VectorStore
from ragplatform.vectors.pgvector import Pgvector
from ragplatform.vectors.pinecone import PineconeVectors

from .conftest import Control, World

INDEX, SMALL = "rag", "small"
WRITES = ("/vectors/upsert", "/vectors/delete")


@dataclass(frozen=True)
class Late(app.Service):
    """The double as the real service is: a write is answered at once, and seen `lag[0]` seconds later."""

    lag: list[float] = field(kw_only=True)
    position: list[int] = field(default_factory=lambda: [0])

    def respond(self, request: Request) -> Response:
        """Answer with the position that the write will have in the log."""
        if not self.lag[0] or not request.path.endswith(WRITES):
            return super().respond(request)
        request.body(app.BODY_LIMIT)
        threading.Timer(self.lag[0], super().respond, [request]).start()
        shown = app.data.last_lsn(self.store, request.path.split("/")[2])
        self.position[0] = max(self.position[0], shown) + 1
        headers = {"Content-Type": "application/json", "x-pinecone-request-lsn": str(self.position[0])}
        return Response(200, headers, b'{"upsertedCount": 0}')


@contextmanager
def account(folder: Path) -> Iterator[tuple[Account, list[float]]]:
    """A Pinecone account of its own, with its indexes, and the lag of its writes."""
    folder.mkdir()
    store = Store(folder / "vectors.sqlite", [SCHEMA])
    lag = [0.0]
    server = build(0, lambda request: service.respond(request))
    url = f"http://127.0.0.1:{server.server_address[1]}"
    service = Late(store, url, "pinecone-key", lag=lag)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    made = Account(url, "pinecone-key")
    place = pinecone.ServerlessSpec(cloud="aws", region="us-east-1")
    for name, dimension in ((INDEX, 256), (SMALL, 8)):
        client = pinecone.Pinecone(api_key=made.api_key, host=made.host)
        client.create_index(name, dimension=dimension, metric="cosine", spec=place)
    yield made, lag
    server.shutdown()
    server.server_close()
    store.close()


@dataclass
class Outside(World):
    """A tenant whose vectors are held by these providers at home and abroad."""

    held: tuple[Held, Held] = (Held(), Held())

    def take(self, job_epoch: int) -> tuple[Move, Control]:
        taken, control = super().take(job_epoch)
        return replace(taken, held=self.held), control

    def index(self, region: Region, name: str = INDEX) -> Any:
        assert region.pinecone is not None
        return accounts.opened(region.pinecone, name)

    def vectors(self, region: Region) -> dict[str, list[float]]:
        """What the tenant has in the region's index."""
        index, found = self.index(region), {}
        for page in index.list(namespace=self.id.hex):
            ids = [one.id for one in page.vectors]
            found.update({one.id: one.values for one in index.fetch(ids=ids, namespace=self.id.hex).vectors.values()})
        return found


@dataclass
class Platform:
    """Writes documents in one region at one epoch, through the platform's own stores and outbox."""

    world: Outside
    region: Region
    binding: Binding
    database: Database
    store: VectorStore
    outbox: Outbox

    def ingest(self, text: str, passages: int = 2, known: UUID | None = None, settle: bool = True) -> UUID:
        """A document of so many passages; without `settle` its vectors are noted and still to come."""
        document, bodies = known or uuid4(), [text + " again" * number for number in range(passages)]
        with self.database.tenant(self.binding) as db:
            db.execute("INSERT INTO rag.documents (tenant_id, id, title) VALUES (%s, %s, %s)", self._of(document, text))
            db.execute(
                "INSERT INTO rag.chunks SELECT %s, %s, n - 1, body FROM unnest(%s::text[]) WITH ORDINALITY u(body, n)",
                self._of(document, bodies),
            )
            vectors = [embed(f"{text}\n{body}") for body in bodies]
            self.store.write(db, self.binding, document, vectors)
        assert not settle or self.settle(document)
        return document

    def delete(self, document: UUID, settle: bool = True) -> None:
        with self.database.tenant(self.binding) as db:
            self.store.remove(db, self.binding, document)
            db.execute("DELETE FROM rag.chunks WHERE tenant_id = %s AND document_id = %s", self._of(document))
            db.execute("DELETE FROM rag.documents WHERE tenant_id = %s AND id = %s", self._of(document))
        assert not settle or self.settle(document)

    def settle(self, document: UUID) -> bool:
        """Do what is noted of the document."""
        return self.outbox.settle_document(self.binding, document)

    def notes(self) -> int:
        with self.database.tenant(self.binding) as db:
            row = db.execute("SELECT count(*) FROM rag.document_outbox").fetchone()
            return int(row[0]) if row else 0

    def rows(self) -> set[str]:
        """The vectors that are rows here."""
        with self.database.tenant(self.binding) as db:
            query = "SELECT replace(document_id::text, '-', '') || '#' || ordinal FROM rag.chunk_vectors"
            return {name for (name,) in db.execute(query)}

    def _of(self, document: UUID, *more: Any) -> tuple[Any, ...]:
        return (self.world.id, document, *more)


@contextmanager
def platform(world: Outside, region: Region, epoch: int = 1) -> Iterator[Platform]:
    """The platform of a region, routed there by `epoch`."""
    names, held = world.names[region.name], world.held[0 if region == world.blue else 1]
    database = Database(region.database.connect_kwargs("platform"), 4)
    outside = PineconeVectors(region.pinecone.host, region.pinecone.api_key) if region.pinecone else None
    none: Any = None
    binding = Binding(
        world.id, names.name, region.name, names.role, "", "", "", "", "", held.provider, held.namespace, held.index,
        "", "", "", epoch,
    )  # fmt: skip
    store: VectorStore = Pgvector() if held.as_rows or outside is None else outside
    database.open()
    yield Platform(world, region, binding, database, store, Outbox(database, none, outside))
    database.close()
