"""A canary: where a region has nothing of anybody, something is put there for a moment, so that a zero means something.

It is a tenant of its own, made for one erasure: no registry knows it, its id follows from the request's, and it goes
as everything of a tenant goes. A process that dies in between leaves it to the next attempt, which begins by taking it
away; the search for orphans finds it too.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import NAMESPACE_URL, UUID, uuid5

from compliance.verifiers.exports import bucket_of
from lifecycle.exports.engine.place import ensure_bucket
from lifecycle.stores import aws, sweep
from lifecycle.stores.cache.connection import connection as cache
from lifecycle.stores.cache.connection import translated as cached
from lifecycle.stores.errors import Permanent
from lifecycle.stores.logs import groups
from lifecycle.stores.names import TenantNames
from lifecycle.stores.postgres import fences, roles
from lifecycle.stores.postgres.connection import connection, translated
from lifecycle.stores.postgres.rows import as_tenant
from lifecycle.stores.secrets import SecretStore
from lifecycle.stores.tags import OWNER
from lifecycle.stores.vectors.store import store_of
from portal.lib.regions import Region

ALWAYS = uuid5(NAMESPACE_URL, "urn:bailiwick:canary")  # every platform tells one series of it
ROWS = (
    "INSERT INTO rag.users (tenant_id, id, email) VALUES (%(t)s, %(t)s, 'canary')",
    "INSERT INTO rag.chunk_vectors VALUES (%(t)s, %(t)s, 0, array_fill(1, ARRAY[256])::public.vector)",
)


@contextmanager
def planted(region: Region, request_id: UUID, secrets: SecretStore) -> Iterator[TenantNames]:
    """Inside the block one record lies in each of the region's stores; yields its tenant's names."""
    canary = uuid5(request_id, region.name)
    names = TenantNames(canary, f"canary-{canary.hex[:8]}", region.name)
    _take_away(region, names, secrets)
    try:
        _rows(region, names)
        _bucket(region, names)
        _export(region, names)
        groups.ensure(region, groups.LogGroupSpec(canary, names.log_group, 1, {OWNER: str(canary)}))
        _stream(region, names)
        with cached("SET canary"):
            cache(region).set(f"{names.cache_prefix}canary", "1", ex=600)
        yield names
    finally:
        _take_away(region, names, secrets)


def _rows(region: Region, names: TenantNames) -> None:
    roles.ensure(region, role=names.role, tenant_id=names.tenant_id, tenant_name=names.name)
    fences.ensure(region, tenant_id=names.tenant_id, state="closed")
    store_of(region, "pgvector").ensure(names)
    with translated("plant a canary"), connection(region) as db, db.transaction(), as_tenant(db, names.role):
        for statement in ROWS:
            db.execute(statement, {"t": names.tenant_id})


def _bucket(region: Region, names: TenantNames) -> None:
    s3, owned = aws.client(region, "s3"), {"TagSet": [{"Key": OWNER, "Value": str(names.tenant_id)}]}
    where = {} if region.name == "us-east-1" else {"LocationConstraint": region.name}
    with aws.translated("objects", f"CreateBucket {names.bucket}"):
        s3.create_bucket(Bucket=names.bucket, **({"CreateBucketConfiguration": where} if where else {}))
        s3.put_bucket_tagging(Bucket=names.bucket, Tagging=owned)
        s3.put_object(Bucket=names.bucket, Key="canary", Body=b"canary")


def _export(region: Region, names: TenantNames) -> None:
    ensure_bucket(region)
    with aws.translated("exports", "PutObject canary"):
        aws.client(region, "s3").put_object(Bucket=bucket_of(region.name), Key=f"{names.tenant_id}/canary", Body=b"1")


def _stream(region: Region, names: TenantNames) -> None:
    with aws.translated("logs", f"CreateLogStream {names.log_group}"):
        aws.client(region, "logs").create_log_stream(logGroupName=names.log_group, logStreamName="canary")


def _take_away(region: Region, names: TenantNames, secrets: SecretStore) -> None:
    with aws.translated("exports", "DeleteObject canary"):
        s3, key = aws.client(region, "s3"), f"{names.tenant_id}/canary"
        aws.unless_absent(s3.delete_object, Bucket=bucket_of(region.name), Key=key)
    _, failed = sweep.purge(region, names, secrets=secrets)
    if failed:
        raise Permanent(failed[0].system, "take a canary away", failed[0].reason)
