"""A tenant with two people in one region's database, with rows of every kind, and what is there of it."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import psycopg
from psycopg import sql

from lifecycle.erasure.engine.target import Target
from lifecycle.stores.names import TenantNames
from lifecycle.stores.postgres import fences, roles
from lifecycle.stores.vectors.store import store_of
from portal.lib.regions import Region
from tests.routed import routed

Connection = psycopg.Connection[Any]
# Each of two people owns half of the documents; everybody may read Bob's first, and each may read it by name.
FILL = (
    "INSERT INTO rag.users (tenant_id, id, email) VALUES (%(t)s, %(ann)s, 'ann' || %(t)s), (%(t)s, %(bob)s, 'bob')",
    "INSERT INTO rag.documents (tenant_id, id, title, bytes, owner_user_id)"
    " SELECT %(t)s, gen_random_uuid(), 'd' || n, 10, CASE WHEN n %% 2 = 0 THEN %(ann)s ELSE %(bob)s END::uuid"
    " FROM generate_series(1, %(documents)s) n",
    "INSERT INTO rag.chunks SELECT tenant_id, id, n, 'text' FROM rag.documents, generate_series(1, %(chunks)s) n",
    "INSERT INTO rag.chunk_vectors SELECT tenant_id, document_id, ordinal, array_fill(0.1::real, '{256}')::vector"
    " FROM rag.chunks",
    "INSERT INTO rag.access_controls (tenant_id, id, document_id, user_id)"
    " SELECT tenant_id, gen_random_uuid(), id, u FROM rag.documents, unnest(ARRAY[%(ann)s, %(bob)s, NULL]::uuid[]) u",
    "INSERT INTO rag.sessions (tenant_id, id, user_id, token_sha256, expires_at)"
    " SELECT tenant_id, gen_random_uuid(), id, id::text, now() FROM rag.users",
    "INSERT INTO rag.query_history (tenant_id, id, user_id, q, k)"
    " SELECT tenant_id, gen_random_uuid(), id, 'what', n FROM rag.users, generate_series(1, 3) n",
    "INSERT INTO rag.document_outbox (tenant_id, id, document_id, action)"
    " SELECT tenant_id, gen_random_uuid(), id, 'upsert_vectors' FROM rag.documents",
    "INSERT INTO rag.usage_counters VALUES (%(t)s, 'documents', '2026-01-01', 0, %(documents)s),"
    " (%(t)s, 'bytes', '2026-01-01', 0, %(documents)s * 10), (%(t)s, 'users', '2026-01-01', 0, 2)",
    "INSERT INTO rag.usage_reports VALUES (%(t)s, 'queries', '2026-01-01', 1, 1)",
    "INSERT INTO rag.api_keys (tenant_id, id, name, key_sha256) VALUES (%(t)s, %(desk)s, 'k', 'k')",
    "INSERT INTO rag.budgets (tenant_id, id, name, opening, tokens) VALUES (%(t)s, %(desk)s, 'b', 1, 1)",
    "INSERT INTO rag.budget_transfers (tenant_id, id, payer_id, payee_id, tokens)"
    " VALUES (%(t)s, %(desk)s, %(desk)s, %(desk)s, 1)",
)
SEEN = (
    "SELECT count(*), md5(coalesce(string_agg(t::text, '|' ORDER BY t::text), '')) FROM rag.{} t WHERE tenant_id = %s"
)


@dataclass(frozen=True)
class Settled:
    """One tenant of a region, and its two people."""

    region: Region
    names: TenantNames
    ann: UUID
    bob: UUID

    @property
    def id(self) -> UUID:
        return self.names.tenant_id

    def target(self, kind: Any = "tenant", epoch: int = 1, **more: Any) -> Target:
        """A request to erase, by a job whose epoch the store knows."""
        made = Target(uuid4(), self.names, kind, epoch, **more)
        assert fences.raise_job_epoch(self.region, self.id, made.resource, epoch) == epoch
        return made

    def write(self, statement: str, *arguments: Any) -> None:
        """As the platform, in the tenant's role."""
        with psycopg.connect(**routed(self.region)) as db:
            db.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(self.names.role)))
            db.execute(statement, arguments)

    def ask(self, statement: str, *arguments: Any) -> list[Any]:
        """As the verifier, who sees everything; a statement of one column."""
        with psycopg.connect(**self.region.database.connect_kwargs("verifier")) as db:
            return [row[0] for row in db.execute(statement, arguments).fetchall()]

    def seen(self) -> dict[str, tuple[int, str]]:
        """Number and checksum of the tenant's rows, by table."""
        with psycopg.connect(**self.region.database.connect_kwargs("verifier")) as db:
            tables = [row[0] for row in db.execute("SELECT table_name FROM bw.row_security WHERE NOT is_partition")]
            queries = {table: sql.SQL(SEEN).format(sql.Identifier(table)) for table in tables}
            return {table: db.execute(query, (self.id,)).fetchone() or (0, "") for table, query in queries.items()}

    def counts(self) -> dict[str, int]:
        """The tenant's rows by table, where there are any."""
        return {table: number for table, (number, _) in self.seen().items() if number}


def housed(region: Region, names: TenantNames | None = None) -> Settled:
    """A tenant with its role, fence and partition, and no rows."""
    names = names or TenantNames(uuid4(), "forgetful", region.name)
    roles.ensure(region, role=names.role, tenant_id=names.tenant_id, tenant_name=names.name)
    fences.ensure(region, tenant_id=names.tenant_id, state="open")
    store_of(region, "pgvector").ensure(names)
    return Settled(region, names, uuid4(), uuid4())


def settle(region: Region, documents: int = 6, chunks: int = 3, names: TenantNames | None = None) -> Settled:
    """A tenant with rows in every table."""
    made = housed(region, names)
    people = {"ann": made.ann, "bob": made.bob, "desk": uuid4()}
    arguments = {"t": made.id, **people, "documents": documents, "chunks": chunks}
    with psycopg.connect(**routed(region)) as db:
        db.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(made.names.role)))
        for statement in FILL:
            db.execute(statement, arguments)
    return made


def unsettle(made: Settled) -> None:
    """Leave nothing of it, whatever a test has done."""
    epoch = 10**6
    fences.set_hold(made.region, made.id, False, epoch)
    store_of(made.region, "pgvector").empty(made.names)
    store_of(made.region, "pgvector").remove(made.names)
    roles.remove(made.region, made.names.role, made.id)
    fences.remove(made.region, made.id)
