"""Faults of the object store, cache, logs and tags."""

import dataclasses
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from lifecycle.provisioning.validation import Target, verdict
from lifecycle.provisioning.validation.canary import OBJECT, canary_names
from lifecycle.stores.cache import users as cache_users
from lifecycle.stores.cache.connection import connection as cache_connection
from lifecycle.stores.objects.buckets import CLOSED
from tests.validation.conftest import Stand, failing, judged, words

STORES = ("object_store", "cost_tags", "tenant_isolation")


@contextmanager
def open_to_all(stand: Stand, bucket: str, actions: list[str]) -> Iterator[None]:
    """The bucket's policy lets everybody in, and nothing blocks it."""
    s3 = stand.admin("s3")
    before = s3.get_bucket_policy(Bucket=bucket)["Policy"]
    resources = [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]
    statement = {"Effect": "Allow", "Principal": "*", "Action": actions, "Resource": resources}
    s3.delete_public_access_block(Bucket=bucket)
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    try:
        yield
    finally:
        s3.put_bucket_policy(Bucket=bucket, Policy=before)
        s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=CLOSED)


def test_neighbours_bucket_readable(stand: Stand, healthy: Target) -> None:
    judged(healthy, "object_store")
    with open_to_all(stand, canary_names(stand.region.name).bucket, ["s3:GetObject"]):
        results = judged(healthy, *STORES)
    assert failing(results) == {"object_store"}, words(results)
    assert results["object_store"].summary.startswith("GET by the tenant in the canary's bucket was allowed")
    assert verdict(results.values()).rule == "roll_back"


def test_neighbours_bucket_writable_and_what_was_written_is_removed(stand: Stand, healthy: Target) -> None:
    bucket = canary_names(stand.region.name).bucket
    judged(healthy, "object_store")
    with open_to_all(stand, bucket, ["s3:PutObject", "s3:DeleteObject"]):
        result = judged(healthy, "object_store")["object_store"]
    assert "PUT by the tenant in the canary's bucket was allowed" in result.evidence["failed"]
    versions = stand.admin("s3").list_object_versions(Bucket=bucket)
    assert {one["Key"] for one in versions.get("Versions", []) + versions.get("DeleteMarkers", [])} == {OBJECT}


def test_public_object(stand: Stand) -> None:
    """Without the tenant's key: where there is one, KMS still refuses to decrypt for strangers."""
    target = stand.tenant(requires={})
    _encrypt(stand.admin("s3"), target, {"SSEAlgorithm": "AES256"})
    with open_to_all(stand, target.binding.bucket, ["s3:GetObject"]):
        results = judged(target, *STORES)
    assert failing(results) == {"object_store"}
    failed = results["object_store"].evidence["failed"]
    assert "anonymous GET was served with 200" in failed and "the bucket's policy is public" in failed
    assert "GET by the canary in the tenant's bucket was allowed" in failed
    assert results["object_store"].category == "security"


def test_public_listing(stand: Stand, healthy: Target) -> None:
    with open_to_all(stand, healthy.binding.bucket, ["s3:ListBucket"]):
        failed = judged(healthy, "object_store")["object_store"].evidence["failed"]
    assert "anonymous LIST was served with 200" in failed
    assert "LIST by the canary in the tenant's bucket was allowed" in failed


BUCKET_FAULTS: dict[str, tuple[Callable[[object, Target], object], Callable[[object, Target], object], str, str]] = {
    "nothing blocks public access": (
        lambda s3, t: s3.delete_public_access_block(Bucket=t.binding.bucket),
        lambda s3, t: s3.put_public_access_block(
            Bucket=t.binding.bucket, PublicAccessBlockConfiguration=CLOSED
        ),
        "security",
        "the bucket does not block public access",
    ),
    "no versions": (
        lambda s3, t: s3.put_bucket_versioning(
            Bucket=t.binding.bucket, VersioningConfiguration={"Status": "Suspended"}
        ),
        lambda s3, t: s3.put_bucket_versioning(
            Bucket=t.binding.bucket, VersioningConfiguration={"Status": "Enabled"}
        ),
        "compliance",
        "versioning is Suspended",
    ),
    "not the tenant's key": (
        lambda s3, t: _encrypt(s3, t, {"SSEAlgorithm": "AES256"}),
        lambda s3, t: _encrypt(s3, t, {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": t.binding.kms_key_id}),
        "compliance",
        "the bucket is not encrypted with its key",
    ),
}  # fmt: skip


def _encrypt(s3, target, how) -> None:  # type: ignore[no-untyped-def]
    rules = [{"ApplyServerSideEncryptionByDefault": how}]
    s3.put_bucket_encryption(Bucket=target.binding.bucket, ServerSideEncryptionConfiguration={"Rules": rules})


@pytest.mark.parametrize("name", BUCKET_FAULTS)
def test_bucket_not_kept_as_required(stand: Stand, name: str) -> None:
    fault, _, category, said = BUCKET_FAULTS[name]
    target = stand.tenant()
    fault(stand.admin("s3"), target)
    result = judged(target, "object_store")["object_store"]
    assert (result.outcome, result.category) == ("fail", category), result
    assert said in result.evidence["failed"]


def test_key_waiting_for_its_deletion(stand: Stand) -> None:
    target = stand.tenant()
    stand.admin("kms").disable_key(KeyId=target.binding.kms_key_id)
    result = judged(target, "object_store")["object_store"]
    assert result.outcome != "pass", result


def test_credentials_that_do_not_work_prove_nothing(stand: Stand, healthy: Target) -> None:
    """A tenant that cannot reach its own bucket is refused at the neighbour's too; that is no isolation."""
    binding = dataclasses.replace(healthy.binding, aws_secret_access_key="x" * 40)
    result = judged(dataclasses.replace(healthy, binding=binding), "object_store")["object_store"]
    assert result.outcome == "could_not_run", result


def test_cache_user_that_reaches_further(stand: Stand) -> None:
    target = stand.tenant()
    cache_connection(stand.region).execute_command("ACL", "SETUSER", target.binding.cache_user, "~*")
    results = judged(target, *STORES)
    assert failing(results) == {"tenant_isolation"}, words(results)
    assert "GET by the tenant in the canary's cache was allowed" in results["tenant_isolation"].evidence["failed"]


def test_cache_user_without_its_password(stand: Stand) -> None:
    target = stand.tenant()
    cache_users.set_password(stand.region, target.binding.cache_user, "another")
    assert judged(target, "tenant_isolation")["tenant_isolation"].outcome == "could_not_run"


def _untag_log_group(stand: Stand, target: Target) -> str:
    logs = stand.admin("logs")
    about = logs.describe_log_groups(logGroupNamePrefix=target.binding.log_group)["logGroups"][0]
    logs.untag_resource(resourceArn=about["arn"].removesuffix(":*"), tagKeys=["CostCenter"])
    return "log group"


def _mistag_key(stand: Stand, target: Target) -> str:
    tag = {"TagKey": "CostCenter", "TagValue": "CC-other"}
    stand.admin("kms").tag_resource(KeyId=target.binding.kms_key_id, Tags=[tag])
    return "CostCenter is 'CC-other', not 'CC-1'"


def _untag_user(stand: Stand, target: Target) -> str:
    stand.admin("iam").untag_user(UserName=target.names.iam_user, TagKeys=["Role"])
    return "lacks Role"


def _untag_bucket(stand: Stand, target: Target) -> str:
    stand.admin("s3").delete_bucket_tagging(Bucket=target.binding.bucket)
    return f"bucket {target.binding.bucket} lacks TenantID"


def _forget_cache_user(stand: Stand, target: Target) -> str:
    stand.superuser(f"DELETE FROM bw.resource_tag WHERE resource = 'cache_user:{target.binding.cache_user}'")
    return "carries no tags"


def _nested_row(stand: Stand, target: Target) -> str:
    stand.superuser(
        f"UPDATE bw.resource_tag SET tags = tags - 'Tier' WHERE resource = 'partition:{target.names.partition}'"
    )
    return "partition:"


def _second_bucket(stand: Stand, target: Target) -> str:
    """Something else of the tenant that nobody listed, found by its tag alone."""
    s3, name = stand.admin("s3"), f"{target.binding.bucket}-extra"
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": stand.region.name})
    tags = [{"Key": "TenantID", "Value": str(target.tenant_id)}]
    s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": tags})
    return name


@pytest.mark.parametrize(
    "fault",
    [_untag_log_group, _mistag_key, _untag_user, _untag_bucket, _forget_cache_user, _nested_row, _second_bucket],
)
def test_tag_missing_or_wrong(stand: Stand, fault: Callable[[Stand, Target], str]) -> None:
    target = stand.tenant()
    said = fault(stand, target)
    results = judged(target, *STORES)
    assert failing(results) == {"cost_tags"}, words(results)
    assert said in results["cost_tags"].summary, results["cost_tags"].summary
    assert verdict([*results.values()]).outcome == "fail"
    assert results["cost_tags"].category == "compliance"


def test_resource_that_is_gone(stand: Stand) -> None:
    target = stand.tenant()
    stand.admin("logs").delete_log_group(logGroupName=target.binding.log_group)
    results = judged(target, "cost_tags")
    assert results["cost_tags"].summary == f"log group {target.binding.log_group} does not exist"
