"""Everything one platform process holds, built from its configuration."""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import UUID

from bailiwick_client import Registry, Route, file_token

from . import metrics
from .binding import Binding, Bindings, Unbound
from .cache import Caches
from .call import Doorkeeper
from .config import Config
from .database import Database, levels
from .exposures import Exposures
from .following import Follower
from .logs import TenantLogs
from .machine import cpus, memory
from .mirroring import Mirror
from .neighbours import Neighbours
from .objects import Clients, Objects
from .outbox import Outbox
from .problems import Problem, unavailable
from .reporting import EVERY_SECONDS, Reporter
from .splitting import Splitter
from .tokens import Keys, Verifier
from .vectors import VectorStore
from .vectors.pgvector import Pgvector
from .vectors.pinecone import PineconeVectors

LOG = logging.getLogger("ragplatform")
SWEEP_SECONDS = 30.0


@dataclass
class Services:
    """The stores and guards of one region."""

    config: Config
    registry: Registry
    bindings: Bindings
    database: Database
    caches: Caches
    objects: Objects
    outbox: Outbox
    reporter: Reporter
    exposures: Exposures
    logs: TenantLogs
    doorkeeper: Doorkeeper
    follower: Follower
    neighbours: Neighbours
    splitter: Splitter
    mirror: Mirror
    keys: Keys
    stores: dict[str, VectorStore]
    _stop: threading.Event = field(default_factory=threading.Event)

    def vectors(self, binding: Binding) -> VectorStore:
        """The tenant's vector store; raises Problem 503 when this region does not have it."""
        store = self.stores.get(binding.vector_provider)
        if store is None:
            raise unavailable(f"This region has no {binding.vector_provider}.", 60)
        return store

    def start(self) -> None:
        """Open the pool and begin the background work."""
        self.database.open()
        self.logs.start()
        self.mirror.start()
        metrics.CPUS.set(cpus())
        metrics.MEMORY.set(memory())
        threading.Thread(target=self._sweep, name="outbox-sweep", daemon=True).start()
        threading.Thread(target=self._report, name="usage-report", daemon=True).start()

    def stop(self) -> None:
        """Deliver what is waiting and close."""
        self._stop.set()
        self.logs.stop()
        self.registry.close()
        self.reporter.close()
        self.neighbours.close()
        self.exposures.close()
        self.keys.close()
        self.database.close()

    def ready(self) -> dict[str, bool]:
        """Which of the stores without which nothing is served answer."""
        return {"database": self.database.ready(), "cache": self.caches.ready()}

    def has_no_more(self, tenant: str) -> bool:
        """Whether a tenant has no binding here any more: it is gone, or another region alone has it."""
        return not self.bindings.is_bound(UUID(tenant))

    def _sweep(self) -> None:
        told: set[UUID] = set()
        while True:
            told = self.publish_levels(told)
            self.outbox.sweep(self.bindings)
            if self._stop.wait(SWEEP_SECONDS):
                return

    def _report(self) -> None:
        while not self._stop.wait(EVERY_SECONDS):
            try:
                self.reporter.run()
                self.exposures.tell()
            except Exception:  # the next round tells it; a thread that ended would tell nothing more
                LOG.exception("usage.round_failed")

    def publish_levels(self, told: set[UUID]) -> set[UUID]:
        """Gauges start from what is stored, not from the first upload, and end when their tenant is served elsewhere.

        Takes whose are told already and returns whose are told now.
        """
        here = set(self.bindings.tenants())
        for tenant_id in told - here:
            metrics.forget_levels(str(tenant_id))
        return (told & here) | self._read_levels(here - told)

    def _read_levels(self, tenants: set[UUID]) -> set[UUID]:
        told = set()
        for tenant_id in tenants:
            try:
                with self.database.tenant(self.bindings.of(tenant_id)) as connection:
                    held = levels(connection, tenant_id)
            except (Unbound, Problem) as error:
                LOG.info("levels.skipped tenant=%s reason=%s", tenant_id, error)
                continue
            metrics.DOCUMENTS.labels(str(tenant_id)).set(held["documents"])
            metrics.STORED_BYTES.labels(str(tenant_id)).set(held["bytes"])
            told.add(tenant_id)
        return told


def routes(registry: Registry) -> Callable[[UUID], Route | None]:
    """Each tenant's route as it is known here, whoever can be asked now."""

    def route_of(tenant_id: UUID) -> Route | None:
        known = registry.configuration(str(tenant_id))
        return Route(known.region, known.routing_epoch) if known else None

    return route_of


def build(config: Config, threads: int) -> Services:
    """Wire a region's services; connects to nothing yet."""
    caches = Caches(config.cache_host, config.cache_port)
    clients = Clients(config.region, config.aws_endpoint)
    objects = Objects(clients)
    pinecone = PineconeVectors(**config.pinecone) if config.pinecone else None
    stores: dict[str, VectorStore] = {"pgvector": Pgvector()}
    if pinecone is not None:
        stores["pinecone"] = pinecone
    token = file_token(config.service_token)
    registry = Registry(
        config.portal_url,
        token,
        point=f"platform.{config.region}",
        stream_url=config.registry_stream,
        copy=config.registry_copy,
    )
    bindings = Bindings(config.bindings_dir, config.region, routes(registry))
    database = Database(config.database, threads // 2)
    neighbours = Neighbours(config.region, config.regions_file)
    keys = Keys(f"{config.portal_url}/.well-known/jwks.json")
    verifier = Verifier(keys, config.portal_url)
    return Services(
        config=config,
        registry=registry,
        bindings=bindings,
        database=database,
        caches=caches,
        objects=objects,
        outbox=Outbox(database, objects, pinecone),
        reporter=Reporter(database, bindings, config.portal_url, token),
        exposures=Exposures(config.portal_url, token),
        logs=TenantLogs(clients, config.region),
        doorkeeper=Doorkeeper(config.region, verifier, registry, bindings, database, caches),
        follower=Follower(registry, neighbours, seats=threads // 2),
        neighbours=neighbours,
        splitter=Splitter(neighbours),
        mirror=Mirror(config.region, neighbours),
        keys=keys,
        stores=stores,
    )
