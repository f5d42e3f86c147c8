"""Which eraser takes care of which system of a region."""

from portal.lib.regions import Region

from .engine.cache import Cache
from .engine.logs import Logs
from .engine.metrics import Metrics
from .engine.objects import Objects
from .engine.pinecone import PineconeVectors
from .engine.rows import Rows, VectorRows
from .engine.target import Eraser, Target

CONNECTORS = frozenset({"postgres", "vectors", "objects", "exports", "cache", "logs", "metrics"})
"""What this installation erases, as the inventory writes it; exports are deleted before any of the others."""


def erasers_of(region: Region, target: Target) -> dict[str, Eraser]:
    """The erasers of a region's systems, by the inventory's name of each: of one part that of its system alone."""
    beside = target.vector_provider == "pinecone"
    found: list[Eraser] = [
        Rows(region),
        PineconeVectors(region) if beside else VectorRows(region),
        Objects(region),
        Cache(region),
        Logs(region),
        Metrics(region),
    ]
    wanted = [one for one in found if not target.only or target.only_of(one.system)]
    return {f"{one.system}-{region.name}": one for one in wanted}
