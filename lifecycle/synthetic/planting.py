"""A made-up person's data in every store of a sandbox's region that a person leaves traces in.

Every id follows from the run's, so that planting again adds nothing. Vectors are planted where they lie beside the
rows (pgvector); a provider elsewhere has none of this person.
"""

from typing import LiteralString
from uuid import UUID, uuid5

from lifecycle.naming.queries import names_in
from lifecycle.stores import aws
from lifecycle.stores.cache.connection import connection as cache
from lifecycle.stores.cache.connection import translated as cached
from lifecycle.stores.names import TenantNames
from lifecycle.stores.postgres import fences
from lifecycle.stores.postgres.connection import connection, translated
from lifecycle.stores.postgres.rows import as_tenant
from portal.lib.regions import Region
from tenants.models import Tenant

DOCUMENTS, ADDRESS = 3, "@synthetic.invalid"  # RFC 2606: nobody has such an address
SESSION_SECONDS = 86_400
ROWS = (
    # with what the platform would have counted: erasing takes it off again
    "WITH made AS (INSERT INTO rag.users (tenant_id, id, email, display_name, object_prefix) VALUES"
    " (%(t)s, %(person)s, %(person)s || %(address)s, 'Synthetic', 'users/' || %(person)s || '/')"
    " ON CONFLICT DO NOTHING RETURNING 1)"
    " INSERT INTO rag.usage_counters (tenant_id, metric, day, amount)"
    " SELECT %(t)s, metric, current_date, amount FROM made, (VALUES ('users', 1),"
    " ('documents', cardinality(%(documents)s::uuid[])), ('bytes', 9 * cardinality(%(documents)s::uuid[])))"
    " AS counted (metric, amount)"
    " ON CONFLICT (tenant_id, metric, day, slot) DO UPDATE SET amount = usage_counters.amount + excluded.amount",
    "INSERT INTO rag.documents (tenant_id, id, title, bytes, owner_user_id, object_key)"
    " SELECT %(t)s, d, 'synthetic', 9, %(person)s, 'users/' || %(person)s || '/documents/' || d || '/1'"
    " FROM unnest(%(documents)s::uuid[]) d ON CONFLICT DO NOTHING",
    "INSERT INTO rag.chunks (tenant_id, document_id, ordinal, body)"
    " SELECT %(t)s, d, 1, 'synthetic' FROM unnest(%(documents)s::uuid[]) d ON CONFLICT DO NOTHING",
    "INSERT INTO rag.query_history (tenant_id, id, user_id, q, k)"
    " VALUES (%(t)s, %(person)s, %(person)s, 'synthetic', 1) ON CONFLICT DO NOTHING",
)
VECTORS = (
    "INSERT INTO rag.chunk_vectors SELECT %(t)s, d, 1, array_fill(1, ARRAY[256])::public.vector"
    " FROM unnest(%(documents)s::uuid[]) d ON CONFLICT DO NOTHING"
)
BODY = b"synthetic"


def documents_of(person: UUID) -> tuple[UUID, ...]:
    """The documents that are the person's."""
    return tuple(uuid5(person, f"document {number}") for number in range(DOCUMENTS))


def plant(region: Region, tenant: Tenant, person: UUID) -> dict[str, int]:
    """Put the person there; returns how many documents lie in each kind of store."""
    names = names_in(tenant, region.name)
    documents = documents_of(person)
    has_vectors = tenant.vector_provider == "pgvector"
    _rows(region, names, person, documents, (*ROWS, VECTORS) if has_vectors else ROWS)
    _objects(region, names, person, documents)
    _session(region, names, person)
    return {"rows": len(documents), "vectors": len(documents) * has_vectors, "objects": len(documents), "keys": 1}


def _rows(
    region: Region, names: TenantNames, person: UUID, documents: tuple[UUID, ...], statements: tuple[LiteralString, ...]
) -> None:
    given = {"t": names.tenant_id, "person": person, "documents": list(documents), "address": ADDRESS}
    with translated("plant"), connection(region) as db, db.transaction(), as_tenant(db, names.role):
        for statement in statements:
            db.execute(statement, given)


def _objects(region: Region, names: TenantNames, person: UUID, documents: tuple[UUID, ...]) -> None:
    s3 = aws.client(region, "s3")
    with aws.translated("objects", f"PutObject {names.bucket}"):
        for one in documents:
            s3.put_object(Bucket=names.bucket, Key=f"users/{person}/documents/{one}/1", Body=BODY)


def _session(region: Region, names: TenantNames, person: UUID) -> None:
    fence = fences.read(region, names.tenant_id)
    epoch = fence.epoch if fence else 1
    with cached("SET session"):
        key = f"{names.cache_prefix}{epoch}:session:{person.hex}"
        cache(region).set(key, str(person), ex=SESSION_SECONDS)
