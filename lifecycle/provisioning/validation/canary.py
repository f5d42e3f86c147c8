"""The neighbour every isolation check is tried against: a tenant of its own in each region that holds nothing.

Permanent, because making and removing one per run would cost more than the run. It carries `Purpose: validation-canary`
on every resource and an id that begins with 16 zeros, so that inventories know it; it is in no registry, and its
binding is kept beside the tenants', not among them, so the platform never serves it.
"""

import hashlib
from pathlib import Path
from uuid import UUID

from lifecycle.stores import aws, credentials
from lifecycle.stores.cache import users as cache_users
from lifecycle.stores.names import TenantNames
from lifecycle.stores.objects import buckets
from lifecycle.stores.objects import users as iam_users
from lifecycle.stores.postgres import fences, roles, tags
from lifecycle.stores.postgres.connection import connection
from lifecycle.stores.secrets import FileSecrets, SecretStore, TenantBinding
from lifecycle.stores.vectors.store import store_of
from portal.lib.regions import Region

PREFIX = "00000000-0000-8000-8000-"
NAME = "validation-canary"
PURPOSE = "validation-canary"
OBJECT = "bw-validation/canary"
LOCK = 7401210002
STANDING = """
SELECT EXISTS (SELECT FROM bw.tenant_role t JOIN pg_roles r ON r.rolname = t.role_name
               WHERE t.tenant_id = %s AND t.role_name = %s)
   AND to_regclass(%s) IS NOT NULL
"""


def canary_names(region: str) -> TenantNames:
    """Return the names of a region's canary."""
    return TenantNames(UUID(PREFIX + hashlib.sha256(region.encode()).hexdigest()[:12]), NAME, region)


def is_canary(tenant_id: UUID) -> bool:
    """Whether the id is that of a canary: inventories and sweeps leave such resources alone."""
    return str(tenant_id).startswith(PREFIX)


def canary_of(region: Region, secrets_dir: Path) -> TenantBinding:
    """Return the region's canary, made or mended where it is missing; two who come at once make one."""
    names = canary_names(region.name)
    store = FileSecrets(secrets_dir / "regions" / region.name / "canary")
    known = store.read(names.tenant_id)
    if known is not None and _stands(region, names):
        return known
    with connection(region) as db:
        db.execute("SELECT pg_advisory_lock(%s)", (LOCK,))
        try:
            return _made(region, names, store)
        finally:
            db.execute("SELECT pg_advisory_unlock(%s)", (LOCK,))


def _stands(region: Region, names: TenantNames) -> bool:
    """Whether its role, partition and object are there."""
    with connection(region, "observer") as db:
        row = db.execute(STANDING, (names.tenant_id, names.role, f'rag."{names.partition}"')).fetchone()
    if not (row and row[0]):
        return False
    with aws.translated("objects", f"HeadObject {OBJECT}"):
        return aws.unless_absent(aws.client(region, "s3").head_object, Bucket=names.bucket, Key=OBJECT) is not None


def _made(region: Region, names: TenantNames, store: SecretStore) -> TenantBinding:
    """Make what is missing and keep what is there, so that another process in the middle of its checks can go on."""
    labels = {"TenantID": str(names.tenant_id), "Purpose": PURPOSE, "ManagedBy": "bailiwick", "Name": NAME}
    roles.ensure(region, role=names.role, tenant_id=names.tenant_id, tenant_name=NAME)
    fences.ensure(region, tenant_id=names.tenant_id, state="open")
    for provider in region.vector_providers:
        store_of(region, provider).ensure(names)
    iam_users.ensure(region, iam_users.UserSpec(names.tenant_id, names.iam_user, names.bucket, names.log_group, labels))
    buckets.ensure(region, buckets.spec_of(names, labels))
    with aws.translated("objects", f"PutObject {OBJECT}"):
        aws.client(region, "s3").put_object(Bucket=names.bucket, Key=OBJECT, Body=b"for nobody else's eyes")
    cache_users.ensure(region, user=names.cache_user, prefix=names.cache_prefix)
    untagged = [f"role:{names.role}", f"partition:{names.partition}", f"cache_user:{names.cache_user}"]
    tags.ensure(region, tenant_id=names.tenant_id, resources=untagged, tags=labels)
    return credentials.issue(region, names, store)
