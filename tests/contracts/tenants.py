"""Tenants made straight through the connectors, without Terraform."""

from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg

from lifecycle.stores import sweep
from lifecycle.stores.cache import users as cache_users
from lifecycle.stores.logs import groups
from lifecycle.stores.names import TenantNames
from lifecycle.stores.objects import buckets, keys, users
from lifecycle.stores.postgres import fences, roles, tags
from lifecycle.stores.secrets import FileSecrets
from lifecycle.stores.vectors.store import store_of
from portal.lib.regions import Region
from tests.routed import routed


def names(region: Region, name: str = "contract-tests") -> TenantNames:
    return TenantNames(uuid4(), name, region.name)


def labels(of: TenantNames) -> dict[str, str]:
    return {"TenantID": str(of.tenant_id), "Tier": "gold", "Owner": "tests"}


def key(region: Region, of: TenantNames) -> keys.KeyState:
    return keys.ensure(region, tenant_id=of.tenant_id, alias=of.kms_alias, log_group=of.log_group, tags=labels(of))


def make(region: Region, of: TenantNames) -> None:
    """Create everything a tenant has."""
    own = key(region, of)
    roles.ensure(region, role=of.role, tenant_id=of.tenant_id, tenant_name=of.name)
    fences.ensure(region, tenant_id=of.tenant_id, state="open")
    store_of(region, "pgvector").ensure(of)
    users.ensure(region, users.UserSpec(of.tenant_id, of.iam_user, of.bucket, of.log_group, labels(of), own.arn))
    buckets.ensure(region, buckets.spec_of(of, labels(of), own.arn))
    groups.ensure(region, groups.LogGroupSpec(of.tenant_id, of.log_group, 30, labels(of), own.arn))
    cache_users.ensure(region, user=of.cache_user, prefix=of.cache_prefix)
    tags.ensure(region, tenant_id=of.tenant_id, resources=[f"role:{of.role}"], tags=labels(of))


def unmake(region: Region, of: TenantNames, secrets_dir: Path) -> None:
    sweep.purge(region, of, secrets=FileSecrets(secrets_dir))


def insert_rows(region: Region, of: TenantNames, documents: int, chunks: int = 3) -> None:
    """Write documents with chunks and vectors, as the platform does: in the tenant's role."""
    fences.ensure(region, tenant_id=of.tenant_id, state="open")
    with psycopg.connect(**routed(region)) as db, db.transaction():
        db.execute(f'SET LOCAL ROLE "{of.role}"')
        arguments: dict[str, Any] = {"tenant": of.tenant_id, "documents": documents, "chunks": chunks}
        db.execute(
            "INSERT INTO rag.documents (tenant_id, id, title)"
            " SELECT %(tenant)s, gen_random_uuid(), 'document ' || n FROM generate_series(1, %(documents)s) n",
            arguments,
        )
        db.execute(
            "INSERT INTO rag.chunks"
            " SELECT tenant_id, id, n, 'text' FROM rag.documents, generate_series(1, %(chunks)s) n",
            arguments,
        )
        db.execute(
            "INSERT INTO rag.chunk_vectors"
            " SELECT tenant_id, document_id, ordinal, array_fill(0.1::real, '{256}')::vector FROM rag.chunks",
        )
