"""Ends a tenant's own access to its systems before anything of it is deleted where there are no transactions."""

from lifecycle.stores import credentials
from lifecycle.stores.cache import users as cache_users
from lifecycle.stores.errors import Permanent, Transient
from lifecycle.stores.names import TenantNames
from lifecycle.stores.objects import buckets
from lifecycle.stores.objects import users as iam_users
from lifecycle.stores.secrets import SecretStore
from portal.lib.regions import Region

from .asking import still_ours
from .target import Target
from .trying import tried


def deny(region: Region, target: Target, secrets: SecretStore) -> dict[str, str]:
    """Revoke the tenant's keys, shut its bucket, switch its cache user off; return each system as it is read back.

    Only for a whole tenant: of a person the platform refuses the subject, and the tenant's credentials stay. Transient
    where a system is not yet as it was set. The same again is harmless.
    """
    if not target.is_whole_tenant:
        raise Permanent("credentials", "deny", f"an erasure of a {target.kind} leaves the tenant's credentials")
    still_ours(region, target, "deny")
    return tried(lambda: _denied(region, target.names, secrets))


def _denied(region: Region, names: TenantNames, secrets: SecretStore) -> dict[str, str]:
    credentials.revoke(region, names, secrets)
    keys = _keys(region, names)
    return {
        "objects": f"{keys}, {_bucket(region, names)}",
        "logs": keys,
        "cache": _cache(region, names),
        "platform": _binding(names, secrets),
    }


def _keys(region: Region, names: TenantNames) -> str:
    user = iam_users.read(region, names.iam_user)
    if user is not None and user.key_ids:
        raise Transient("iam", "read back", f"{names.iam_user} still has {len(user.key_ids)} access keys")
    return "no access key" if user else "no user"


def _bucket(region: Region, names: TenantNames) -> str:
    if buckets.read(region, names.bucket) is None:
        return "no bucket"
    found = buckets.shut(region, names, buckets.EVERYTHING)
    if found != tuple(buckets.EVERYTHING):
        raise Transient("objects", "read back", f"the bucket denies {', '.join(found) or 'nothing'}")
    return f"bucket denies {', '.join(found)}"


def _cache(region: Region, names: TenantNames) -> str:
    user = cache_users.read(region, names.cache_user)
    if user is not None and (user.is_on or user.passwords):
        raise Transient("cache", "read back", f"{names.cache_user} can still log in")
    return "user off" if user else "no user"


def _binding(names: TenantNames, secrets: SecretStore) -> str:
    if secrets.read(names.tenant_id) is not None:
        raise Transient("secrets", "read back", f"the binding of {names.tenant_id} is still there")
    return "no binding"
