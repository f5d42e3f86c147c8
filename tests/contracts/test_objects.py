"""Buckets, keys and users: what is ensured is there, is read back as it is, and is only ever its tenant's."""

from dataclasses import replace
from uuid import uuid4

import boto3
import pytest
from botocore.exceptions import ClientError

from lifecycle.stores import aws
from lifecycle.stores.errors import ForeignResource, Permanent, Transient
from lifecycle.stores.names import TenantNames
from lifecycle.stores.objects import buckets, keys, residue, users
from portal.lib.regions import Region
from tests.contracts import tenants


def test_a_bucket_is_versioned_encrypted_and_closed(region: Region, tenant: TenantNames) -> None:
    state = buckets.read(region, tenant.bucket)
    key = keys.read(region, tenant.kms_alias)
    assert state and key
    assert (state.versioning, state.encryption, state.kms_key_arn) == ("Enabled", "aws:kms", key.arn)
    assert state.is_closed and state.tags == tenants.labels(tenant) and state.noncurrent_days == 30


def test_ensuring_again_changes_nothing(region: Region, tenant: TenantNames) -> None:
    before = buckets.read(region, tenant.bucket), keys.read(region, tenant.kms_alias)
    tenants.make(region, tenant)
    assert (buckets.read(region, tenant.bucket), keys.read(region, tenant.kms_alias)) == before
    assert len(keys.of_tenant_keys(region, tenant.tenant_id)) == 1


def test_another_tenants_resources_are_never_adopted(region: Region, tenant: TenantNames) -> None:
    thief = uuid4()
    with pytest.raises(ForeignResource):
        buckets.ensure(region, replace(buckets.spec_of(tenant, {"TenantID": str(thief)}), tenant_id=thief))
    with pytest.raises(ForeignResource):
        keys.ensure(region, tenant_id=thief, alias=tenant.kms_alias, log_group=tenant.log_group, tags={})
    spec = users.UserSpec(thief, tenant.iam_user, tenant.bucket, tenant.log_group, {"TenantID": str(thief)})
    with pytest.raises(ForeignResource):
        users.ensure(region, spec)
    for remove, name in (
        (buckets.remove, tenant.bucket),
        (keys.remove, tenant.kms_alias),
        (users.remove, tenant.iam_user),
    ):
        with pytest.raises(ForeignResource):
            remove(region, name, thief)
    assert buckets.read(region, tenant.bucket)


def test_an_untagged_bucket_is_adopted_only_while_empty(region: Region, names: TenantNames) -> None:
    s3 = aws.client(region, "s3")
    s3.create_bucket(Bucket=names.bucket, CreateBucketConfiguration={"LocationConstraint": region.name})
    s3.put_object(Bucket=names.bucket, Key="somebody's", Body=b"x")
    with pytest.raises(Permanent, match="not empty"):
        buckets.ensure(region, buckets.spec_of(names, tenants.labels(names)))
    s3.delete_object(Bucket=names.bucket, Key="somebody's")
    assert buckets.ensure(region, buckets.spec_of(names, tenants.labels(names))).tags == tenants.labels(names)


def test_a_key_left_without_alias_is_found_again(region: Region, tenant: TenantNames) -> None:
    key = keys.read(region, tenant.kms_alias)
    aws.client(region, "kms").delete_alias(AliasName=tenant.kms_alias)
    again = keys.ensure(
        region,
        tenant_id=tenant.tenant_id,
        alias=tenant.kms_alias,
        log_group=tenant.log_group,
        tags=tenants.labels(tenant),
    )
    assert key and again.key_id == key.key_id


def test_a_removed_key_is_scheduled_and_no_residue(region: Region, names: TenantNames) -> None:
    keys.ensure(region, tenant_id=names.tenant_id, alias=names.kms_alias, log_group="", tags=tenants.labels(names))
    due = keys.remove(region, names.kms_alias, names.tenant_id)
    assert due and keys.remove(region, names.kms_alias, names.tenant_id) is None
    assert residue.residue(region, names) == []
    assert [one.system for one in residue.scheduled(region, names)] == ["keys"]


def test_the_tenants_own_key_reaches_its_bucket_and_no_other(region: Region, tenant: TenantNames) -> None:
    other = tenants.names(region, "neighbour")
    key = keys.ensure(
        region, tenant_id=other.tenant_id, alias=other.kms_alias, log_group="", tags=tenants.labels(other)
    )
    buckets.ensure(region, buckets.spec_of(other, tenants.labels(other), key.arn))
    access = users.new_key(region, tenant.iam_user)
    mine = boto3.client(
        "s3",
        region_name=region.name,
        endpoint_url=region.aws.endpoint_url,
        aws_access_key_id=access.key_id,
        aws_secret_access_key=access.secret,
    )
    mine.put_object(Bucket=tenant.bucket, Key="a", Body=b"mine")
    assert mine.get_object(Bucket=tenant.bucket, Key="a")["Body"].read() == b"mine"
    for refused in (
        lambda: mine.put_object(Bucket=other.bucket, Key="a", Body=b"x"),
        lambda: mine.list_objects_v2(Bucket=other.bucket),
        lambda: mine.delete_bucket(Bucket=tenant.bucket),
    ):
        with pytest.raises(ClientError, match="AccessDenied"):
            refused()
    users.revoke_keys(region, tenant.iam_user)
    with pytest.raises(ClientError):
        mine.get_object(Bucket=tenant.bucket, Key="a")
    buckets.remove(region, other.bucket, other.tenant_id)
    keys.remove(region, other.kms_alias, other.tenant_id)


def test_exactly_one_access_key_is_valid(region: Region, tenant: TenantNames) -> None:
    issued = [users.new_key(region, tenant.iam_user).key_id for _ in range(3)]
    state = users.read(region, tenant.iam_user)
    assert state and state.key_ids == (issued[-1],)


def test_providers_words_survive(region: Region, tenant: TenantNames) -> None:
    aws.client(region, "s3").put_object(Bucket=tenant.bucket, Key="x", Body=b"x")
    with pytest.raises(Permanent, match="BucketNotEmpty"):
        buckets.remove(region, tenant.bucket, tenant.tenant_id)


def test_no_answer_is_transient(region: Region) -> None:
    nowhere = replace(region, aws=replace(region.aws, endpoint_url="http://127.0.0.1:9"))
    with pytest.raises(Transient):
        buckets.read(nowhere, "rag-nobody-00000000")
