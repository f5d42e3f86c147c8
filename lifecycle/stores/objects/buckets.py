"""A tenant's bucket: versioned, encrypted, closed to the public and to other tenants."""

import json
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from botocore.exceptions import ClientError

from lifecycle.stores import aws
from lifecycle.stores.errors import Permanent
from lifecycle.stores.names import TenantNames
from lifecycle.stores.tags import refuse_foreign
from portal.lib.regions import Region

SYSTEM = "objects"
SHUT = "Shut"
WRITES = [
    "s3:PutObject*",
    "s3:DeleteObject*",
    "s3:AbortMultipartUpload",
    "s3:RestoreObject",
    "s3:BypassGovernanceRetention",
]
EVERYTHING = ["s3:*"]
VERIFIER, CARRIER = "bw-verifier", "bw-datasync"
NAMES = ["s3:ListBucket*", "s3:GetBucket*"]
CLOSED = dict.fromkeys(("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True)


@dataclass(frozen=True)
class BucketSpec:
    """A bucket as it should be. `user` is the IAM user that alone may reach its objects, besides the account's root.

    Versions that were replaced or deleted are kept `noncurrent_days`.
    """

    tenant_id: UUID
    bucket: str
    user: str
    tags: dict[str, str]
    kms_key_arn: str = ""
    noncurrent_days: int = 30


@dataclass(frozen=True)
class BucketState:
    """A bucket as it is. `shut` are the actions it denies its tenant beside the policy: none while that is in use."""

    bucket: str
    versioning: str
    encryption: str
    kms_key_arn: str
    is_closed: bool
    policy: dict[str, Any] = field(default_factory=dict)
    noncurrent_days: int = 0
    tags: dict[str, str] = field(default_factory=dict)
    shut: tuple[str, ...] = ()


def ensure(region: Region, spec: BucketSpec) -> BucketState:
    """Make the bucket so, adopting one that carries this tenant's tag or is untagged and empty."""
    s3 = aws.client(region, "s3")
    with aws.translated(SYSTEM, f"CreateBucket {spec.bucket}"):
        if not _exists(s3, spec.bucket):
            _create(s3, region, spec.bucket)
        _adopt(s3, spec)
        s3.put_public_access_block(Bucket=spec.bucket, PublicAccessBlockConfiguration=CLOSED)
        s3.put_bucket_versioning(Bucket=spec.bucket, VersioningConfiguration={"Status": "Enabled"})
        s3.put_bucket_encryption(Bucket=spec.bucket, ServerSideEncryptionConfiguration=_encryption(spec))
        _, shut = _read_policy(s3, spec.bucket)
        _put_policy(s3, spec.bucket, policy(region, spec), shut)
        s3.put_bucket_lifecycle_configuration(Bucket=spec.bucket, LifecycleConfiguration=_lifecycle(spec))
    state = read(region, spec.bucket)
    if state is None:
        raise Permanent(SYSTEM, "CreateBucket", f"{spec.bucket} is not there after it was made")
    return state


def read(region: Region, bucket: str) -> BucketState | None:
    """Return the bucket as it really is, or None."""
    s3 = aws.client(region, "s3")
    with aws.translated(SYSTEM, f"read {bucket}"):
        if not _exists(s3, bucket):
            return None
        versioning = aws.unless_absent(s3.get_bucket_versioning, Bucket=bucket) or {}
        closed = aws.unless_absent(s3.get_public_access_block, Bucket=bucket) or {}
        allowed, shut = _read_policy(s3, bucket)
        encryption, key = _read_encryption(s3, bucket)
        return BucketState(
            bucket=bucket,
            versioning=versioning.get("Status", "Disabled"),
            encryption=encryption,
            kms_key_arn=key,
            is_closed=closed.get("PublicAccessBlockConfiguration") == CLOSED,
            policy=allowed,
            noncurrent_days=_read_noncurrent_days(s3, bucket),
            tags=_read_tags(s3, bucket),
            shut=tuple(shut["Action"]) if shut else (),
        )


def shut(region: Region, names: TenantNames, actions: list[str]) -> tuple[str, ...]:
    """Deny the tenant's user these actions on its bucket (none: all is as its policy says); return what is denied then.

    The account itself is not meant: what a suspension has left unsettled can still be tidied up.
    """
    s3 = aws.client(region, "s3")
    with aws.translated(SYSTEM, f"PutBucketPolicy {names.bucket}"):
        refuse_foreign(SYSTEM, names.bucket, _read_tags(s3, names.bucket), names.tenant_id)
        allowed, _ = _read_policy(s3, names.bucket)
        _put_policy(s3, names.bucket, allowed, _denial(region, names, actions) if actions else None)
        _, now = _read_policy(s3, names.bucket)
    return tuple(now["Action"]) if now else ()


def expiry(region: Region, bucket: str) -> list[dict[str, Any]] | None:
    """Return the rules by which the store lets the bucket's content expire, as it has them; None without a bucket.

    Days are as JSON has them, so that a rule which was kept there is the same as the one that is read.
    """
    s3 = aws.client(region, "s3")
    with aws.translated(SYSTEM, f"GetBucketLifecycleConfiguration {bucket}"):
        if not _exists(s3, bucket):
            return None
        said = aws.unless_absent(s3.get_bucket_lifecycle_configuration, Bucket=bucket) or {"Rules": []}
        plain: list[dict[str, Any]] = json.loads(json.dumps(said["Rules"], default=lambda day: day.isoformat()))
        return plain


def set_expiry(region: Region, bucket: str, tenant_id: UUID, rules: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Give the tenant's bucket these rules; return those that it then says it has."""
    s3 = aws.client(region, "s3")
    with aws.translated(SYSTEM, f"PutBucketLifecycleConfiguration {bucket}"):
        refuse_foreign(SYSTEM, bucket, _read_tags(s3, bucket), tenant_id)
        if rules:
            s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": rules})
        else:
            s3.delete_bucket_lifecycle(Bucket=bucket)
    return expiry(region, bucket) or []


def remove(region: Region, bucket: str, tenant_id: UUID) -> bool:
    """Remove the empty bucket of this tenant; true when it was there. A bucket with anything in it is refused."""
    s3 = aws.client(region, "s3")
    with aws.translated(SYSTEM, f"DeleteBucket {bucket}"):
        if not _exists(s3, bucket):
            return False
        refuse_foreign(SYSTEM, bucket, _read_tags(s3, bucket), tenant_id)
        return aws.unless_absent(s3.delete_bucket, Bucket=bucket) is not None


def tags(region: Region, bucket: str) -> dict[str, str]:
    """Return the bucket's tags; empty where it has none or is not there."""
    with aws.translated(SYSTEM, f"GetBucketTagging {bucket}"):
        return _read_tags(aws.client(region, "s3"), bucket)


def policy(region: Region, spec: BucketSpec) -> dict[str, Any]:
    """Return the bucket policy: no transport in clear, and nobody but the tenant's user and the account itself.

    Nor is DataSync's role shut out, where somebody makes it. Who verifies an erasure may see what is there by name, and
    none of its content.
    """
    account = aws.account_id(region)
    verifier = f"arn:aws:iam::{account}:user/{VERIFIER}"
    everything = [f"arn:aws:s3:::{spec.bucket}", f"arn:aws:s3:::{spec.bucket}/*"]
    ours = f"arn:aws:iam::{account}"
    let_in = [f"{ours}:user/{spec.user}", f"{ours}:root", f"{ours}:role/{CARRIER}"]
    deny = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": everything}
    return {
        "Version": "2012-10-17",
        "Statement": [
            {"Sid": "EncryptedTransport", **deny, "Condition": {"Bool": {"aws:SecureTransport": "false"}}},
            {
                "Sid": "ThisTenantOnly",
                **deny,
                "Condition": {"ArnNotEquals": {"aws:PrincipalArn": [*let_in, verifier]}},
            },
            {
                "Sid": "NamesOnly",
                "Effect": "Deny",
                "Principal": "*",
                "NotAction": NAMES,
                "Resource": everything,
                "Condition": {"ArnEquals": {"aws:PrincipalArn": verifier}},
            },
        ],
    }


def spec_of(names: TenantNames, tags: dict[str, str], kms_key_arn: str = "") -> BucketSpec:
    """Return the spec of a tenant's bucket with the house's defaults."""
    return BucketSpec(names.tenant_id, names.bucket, names.iam_user, tags, kms_key_arn)


def _denial(region: Region, names: TenantNames, actions: list[str]) -> dict[str, Any]:
    user = f"arn:aws:iam::{aws.account_id(region)}:user/{names.iam_user}"
    return {
        "Sid": SHUT,
        "Effect": "Deny",
        "Principal": "*",
        "Action": actions,
        "Resource": [f"arn:aws:s3:::{names.bucket}", f"arn:aws:s3:::{names.bucket}/*"],
        "Condition": {"ArnEquals": {"aws:PrincipalArn": user}},
    }


def _read_policy(s3: Any, bucket: str) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """Return the bucket's policy without the statement that shuts it, and that statement."""
    said = aws.unless_absent(s3.get_bucket_policy, Bucket=bucket)
    if said is None:
        return {}, None
    found = json.loads(said["Policy"])
    shut = next((one for one in found["Statement"] if one.get("Sid") == SHUT), None)
    return {**found, "Statement": [one for one in found["Statement"] if one.get("Sid") != SHUT]}, shut


def _put_policy(s3: Any, bucket: str, allowed: dict[str, Any], shut: dict[str, Any] | None) -> None:
    statements = [*allowed.get("Statement", []), *([shut] if shut else [])]
    document = {"Version": "2012-10-17", **allowed, "Statement": statements}
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(document))


def _adopt(s3: Any, spec: BucketSpec) -> None:
    """Take the bucket for this tenant, or refuse: somebody's tags decide, and no tags with content are nobody's."""
    known = _read_tags(s3, spec.bucket)
    refuse_foreign(SYSTEM, spec.bucket, known, spec.tenant_id)
    if not known:
        content = s3.list_object_versions(Bucket=spec.bucket, MaxKeys=1)
        if content.get("Versions") or content.get("DeleteMarkers"):
            raise Permanent(SYSTEM, "adopt", f"{spec.bucket} exists, has no tags and is not empty")
    if known != spec.tags:
        s3.put_bucket_tagging(Bucket=spec.bucket, Tagging={"TagSet": aws.as_list(spec.tags)})


def _exists(s3: Any, bucket: str) -> bool:
    return aws.unless_absent(s3.head_bucket, Bucket=bucket) is not None


def _create(s3: Any, region: Region, bucket: str) -> None:
    place = {} if region.name == "us-east-1" else {"LocationConstraint": region.name}
    try:
        s3.create_bucket(Bucket=bucket, **({"CreateBucketConfiguration": place} if place else {}))
    except ClientError as error:
        if aws.code(error) != "BucketAlreadyOwnedByYou":
            raise


def _encryption(spec: BucketSpec) -> dict[str, Any]:
    by_key = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": spec.kms_key_arn}
    default = by_key if spec.kms_key_arn else {"SSEAlgorithm": "AES256"}
    bucket_key = {"BucketKeyEnabled": True} if spec.kms_key_arn else {}
    return {"Rules": [{"ApplyServerSideEncryptionByDefault": default, **bucket_key}]}


def _read_encryption(s3: Any, bucket: str) -> tuple[str, str]:
    said = aws.unless_absent(s3.get_bucket_encryption, Bucket=bucket)
    if said is None:
        return "", ""
    default = said["ServerSideEncryptionConfiguration"]["Rules"][0]["ApplyServerSideEncryptionByDefault"]
    return str(default["SSEAlgorithm"]), str(default.get("KMSMasterKeyID", ""))


def _lifecycle(spec: BucketSpec) -> dict[str, Any]:
    rule = {
        "ID": "leftovers",
        "Status": "Enabled",
        "Filter": {"Prefix": ""},
        "NoncurrentVersionExpiration": {"NoncurrentDays": spec.noncurrent_days},
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7},
    }
    return {"Rules": [rule]}


def _read_noncurrent_days(s3: Any, bucket: str) -> int:
    said = aws.unless_absent(s3.get_bucket_lifecycle_configuration, Bucket=bucket) or {"Rules": []}
    days = [rule.get("NoncurrentVersionExpiration", {}).get("NoncurrentDays", 0) for rule in said["Rules"]]
    return max(days, default=0)


def _read_tags(s3: Any, bucket: str) -> dict[str, str]:
    said = aws.unless_absent(s3.get_bucket_tagging, Bucket=bucket)
    return aws.as_dict(said["TagSet"]) if said else {}
