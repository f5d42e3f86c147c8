"""Ten thousand writes as the platform would make them: documents, passages, vectors, counters, and deletes."""

from lifecycle.stores.postgres.fences import read
from portal.lib.regions import Region

from .conftest import World

FILLED = 20  # documents that `fill` has made, with what hangs on them
WRITES = {
    """INSERT INTO rag.documents (tenant_id, id, title)
       SELECT %(t)s, gen_random_uuid(), 'g' || n FROM generate_series(1, 4000) n""": 4000,
    "INSERT INTO rag.chunks SELECT tenant_id, id, 9, title FROM rag.documents WHERE title LIKE 'g%%'": 4000,
    """INSERT INTO rag.chunk_vectors SELECT tenant_id, document_id, ordinal,
       (SELECT array_agg(random()) FROM generate_series(1, 256))::vector
       FROM rag.chunks WHERE ordinal = 9 LIMIT 1750""": 1750,
    """DELETE FROM rag.chunk_vectors WHERE (document_id, ordinal) IN
       (SELECT document_id, ordinal FROM rag.chunk_vectors LIMIT 250)""": 250,
    "DELETE FROM rag.access_controls": FILLED,
    "UPDATE rag.usage_counters SET amount = amount + 10": 1,
}


def burst(world: World, region: Region) -> int:
    """Every kind of write, a transaction each, where the tenant is served; returns how many changes that is."""
    changes, fence = 0, read(region, world.id)
    assert fence is not None and fence.state == "open"
    for statement, expected in WRITES.items():
        with world.writer(region, fence.epoch) as db:
            done = db.execute(statement, {"t": world.id}).rowcount
        assert done >= expected, statement
        changes += done
    return changes
