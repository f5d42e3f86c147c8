"""The binding: working credentials, kept privately, taken back at once."""

import json
import stat
from pathlib import Path

import boto3
import pytest
import redis
from botocore.exceptions import ClientError

from lifecycle.stores.credentials import issue, revoke
from lifecycle.stores.names import TenantNames
from lifecycle.stores.objects import users
from lifecycle.stores.secrets import FileSecrets
from portal.lib.regions import Region


def test_issue_use_keep_rotate_revoke(region: Region, tenant: TenantNames, tmp_path: Path) -> None:
    store = FileSecrets(tmp_path / "secrets")
    binding = issue(region, tenant, store)
    assert binding == store.read(tenant.tenant_id) == issue(region, tenant, store)
    assert binding.aws_secret_access_key not in repr(binding) and binding.cache_password not in repr(binding)
    path = store.directory / f"{tenant.tenant_id}.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600 and stat.S_IMODE(store.directory.stat().st_mode) == 0o700
    said = json.loads(path.read_text())
    assert said["vector"]["provider"] == "pgvector" and said["bucket"] == tenant.bucket

    rotated = issue(region, tenant, store, rotate=True)
    assert rotated.aws_access_key_id != binding.aws_access_key_id
    _use(region, rotated.aws_access_key_id, rotated.aws_secret_access_key, rotated.cache_user, rotated.cache_password)
    with pytest.raises(ClientError):
        _use(region, binding.aws_access_key_id, binding.aws_secret_access_key, binding.cache_user, "")

    revoke(region, tenant, store)
    revoke(region, tenant, store)
    assert store.read(tenant.tenant_id) is None
    with pytest.raises(ClientError):
        _use(region, rotated.aws_access_key_id, rotated.aws_secret_access_key, rotated.cache_user, "")


def test_a_binding_the_stores_no_longer_know_is_made_anew(region: Region, tenant: TenantNames, tmp_path: Path) -> None:
    store = FileSecrets(tmp_path / "secrets")
    binding = issue(region, tenant, store)
    users.revoke_keys(region, tenant.iam_user)
    assert issue(region, tenant, store).aws_access_key_id != binding.aws_access_key_id


def _use(region: Region, key: str, secret: str, user: str, password: str) -> None:
    sts = boto3.client(
        "sts",
        region_name=region.name,
        endpoint_url=region.aws.endpoint_url,
        aws_access_key_id=key,
        aws_secret_access_key=secret,
    )
    sts.get_caller_identity()
    redis.Redis(host=region.cache.host, port=region.cache.port, username=user, password=password).ping()
