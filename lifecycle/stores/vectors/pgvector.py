"""pgvector: a tenant's namespace is its partition of rag.chunk_vectors."""

from typing import Any

from psycopg import Connection, sql

from lifecycle.stores.errors import Permanent
from lifecycle.stores.names import TenantNames
from lifecycle.stores.postgres import fences, row_security, rows
from lifecycle.stores.postgres.connection import connection, translated
from lifecycle.stores.vectors.store import NamespaceState
from portal.lib.regions import Region

INDEX = "rag.chunk_vectors"
DIMENSION = (
    "SELECT atttypmod FROM pg_attribute WHERE attrelid = 'rag.chunk_vectors'::regclass AND attname = 'embedding'"
)


class PgVector:
    """The region's own database as a vector store."""

    provider = "pgvector"

    def __init__(self, region: Region) -> None:
        self.region = region

    def ensure(self, names: TenantNames) -> NamespaceState:
        """Create the partition standalone and secured, then attach it."""
        with translated(f"create {names.partition}"), connection(self.region) as db:
            db.execute("SELECT bw.create_vector_partition(%s)", (names.tenant_id,))
        state = self.read(names)
        assert state is not None
        return state

    def read(self, names: TenantNames) -> NamespaceState | None:
        secured = row_security.read(self.region, names.partition)
        if secured is None:
            return None
        with translated(f"read {names.partition}"), connection(self.region) as db:
            attached = _is_attached(db, names.partition)
        found = row_security.deviations(secured) + ([] if attached else ["the partition is not attached"])
        counted = rows.count(self.region, names.tenant_id, "provisioner").get(
            "chunk_vectors" if attached else names.partition
        )
        return NamespaceState("pgvector", names.partition, INDEX, counted, "; ".join(found))

    def shape(self) -> tuple[int, str]:
        """Dimension of the column, and the metric by which the platform searches it."""
        with translated("describe vectors"), connection(self.region) as db:
            row = db.execute(DIMENSION).fetchone()
        return int(row[0]) if row else 0, "cosine"

    def empty(self, names: TenantNames) -> None:
        """Delete the tenant's rows, of all tables: vectors are rows like any other here."""
        rows.remove(self.region, tenant_id=names.tenant_id, role=names.role)

    def remove(self, names: TenantNames) -> bool:
        """Detach the empty partition without stopping the others' reads, then drop it; goes on where it was killed."""
        with translated(f"drop {names.partition}"), connection(self.region) as db:
            detach = sql.SQL("ALTER TABLE rag.chunk_vectors DETACH PARTITION rag.{} ").format(
                sql.Identifier(names.partition)
            )
            fences.refuse_held(self.region, names.tenant_id, f"drop {names.partition}")
            if _detach_pending(db, names.partition):
                db.execute(detach + sql.SQL("FINALIZE"))
            elif _is_attached(db, names.partition):
                self._refuse_full(names)
                db.execute(detach + sql.SQL("CONCURRENTLY"))
            row = db.execute("SELECT bw.drop_vector_partition(%s)", (names.tenant_id,)).fetchone()
            return bool(row and row[0])

    def _refuse_full(self, names: TenantNames) -> None:
        held = rows.count(self.region, names.tenant_id, "provisioner").get("chunk_vectors")
        if held != 0:
            raise Permanent("vectors", "drop partition", f"{names.partition} still holds {held} vectors")


def _is_attached(db: Connection[Any], partition: str) -> bool:
    found = db.execute("SELECT relispartition FROM pg_class WHERE oid = to_regclass(%s)", (f'rag."{partition}"',))
    row = found.fetchone()
    return bool(row and row[0])


def _detach_pending(db: Connection[Any], partition: str) -> bool:
    found = db.execute(
        "SELECT inhdetachpending FROM pg_inherits WHERE inhrelid = to_regclass(%s)", (f'rag."{partition}"',)
    )
    row = found.fetchone()
    return bool(row and row[0])
