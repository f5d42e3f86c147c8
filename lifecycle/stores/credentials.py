"""Hands out and takes back a tenant's runtime credentials. They go into the secret store and nowhere else."""

import secrets as random

from lifecycle.stores.cache import users as cache_users
from lifecycle.stores.errors import Permanent
from lifecycle.stores.names import TenantNames
from lifecycle.stores.objects import keys
from lifecycle.stores.objects import users as iam_users
from lifecycle.stores.secrets import SecretStore, TenantBinding, VectorBinding
from lifecycle.stores.vectors.store import store_of
from portal.lib.regions import Region


def issue(
    region: Region,
    names: TenantNames,
    store: SecretStore,
    *,
    vector_provider: str = "pgvector",
    vector_index: str = "",
    rotate: bool = False,
) -> TenantBinding:
    """Return the tenant's binding with credentials that work now, making fresh ones where they do not (or `rotate`).

    Needs the resources Terraform made. Killed half-way it can be called again: exactly one access key stays valid.
    """
    known = store.read(names.tenant_id)
    if known is not None and not rotate and _still_good(region, names, known):
        return known
    key = keys.read(region, names.kms_alias)
    namespace = store_of(region, vector_provider, vector_index).read(names)
    if namespace is None:
        raise Permanent("vectors", "bind", f"{names.namespace} does not exist in {vector_provider}")
    access, password = iam_users.new_key(region, names.iam_user), random.token_urlsafe(32)
    cache_users.set_password(region, names.cache_user, password)
    binding = TenantBinding(
        tenant_id=names.tenant_id,
        tenant_name=names.name,
        region=names.region,
        db_role=names.role,
        bucket=names.bucket,
        kms_key_id=key.key_id if key else "",
        aws_access_key_id=access.key_id,
        aws_secret_access_key=access.secret,
        cache_user=names.cache_user,
        cache_password=password,
        cache_prefix=names.cache_prefix,
        vector=VectorBinding(vector_provider, namespace.namespace, namespace.index),
        log_group=names.log_group,
    )
    store.write(binding)
    return binding


def revoke(region: Region, names: TenantNames, store: SecretStore) -> None:
    """End the tenant's access to objects, logs and cache at once and forget its binding; the same again is harmless."""
    iam_users.revoke_keys(region, names.iam_user)
    cache_users.switch_off(region, names.cache_user)
    store.remove(names.tenant_id)


def _still_good(region: Region, names: TenantNames, binding: TenantBinding) -> bool:
    """Say whether the stores still know what the binding holds."""
    user = iam_users.read(region, names.iam_user)
    cached = cache_users.read(region, binding.cache_user)
    let_in = cached and cached.is_on and cached.passwords == 1
    return bool(user and binding.bucket == names.bucket and binding.aws_access_key_id in user.key_ids and let_in)
