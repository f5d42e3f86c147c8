"""How the tenant's bucket is kept: versions, encryption, closed to the public."""

from lifecycle.provisioning.validation.findings import Findings
from lifecycle.provisioning.validation.target import Target
from lifecycle.stores import aws
from lifecycle.stores.objects import buckets, keys


def judge(target: Target, found: Findings) -> None:
    """Note what the bucket lacks; a duty of a compliance profile that is not met blocks, an open bucket rolls back."""
    bucket = target.binding.bucket
    state = buckets.read(target.region, bucket)
    if state is None:
        found.wrong(f"bucket {bucket} does not exist")
        return
    found.expect(state.is_closed, "public access is blocked", "the bucket does not block public access")
    found.expect(not _is_public(target, bucket), "the policy is not public", "the bucket's policy is public")
    versioned = state.versioning == "Enabled"
    found.expect(versioned, "versions are kept", f"versioning is {state.versioning}", "compliance")
    _encryption(target, found, state)
    found.measured["bucket"] = {
        "versioning": state.versioning,
        "encryption": state.encryption,
        "kms_key": state.kms_key_arn,
        "noncurrent_days": state.noncurrent_days,
    }


def _is_public(target: Target, bucket: str) -> bool:
    with aws.translated("objects", f"GetBucketPolicyStatus {bucket}"):
        said = aws.unless_absent(aws.client(target.region, "s3").get_bucket_policy_status, Bucket=bucket)
    return bool(said and said["PolicyStatus"]["IsPublic"])


def _encryption(target: Target, found: Findings, state: buckets.BucketState) -> None:
    if not target.requires.get("cmk"):
        found.expect(bool(state.encryption), "encrypted at rest", "the bucket is not encrypted", "compliance")
        return
    key = keys.read(target.region, target.binding.kms_key_id) if target.binding.kms_key_id else None
    if key is None or key.state != "Enabled":
        found.wrong("the tenant has no usable key of its own, which is a duty", "compliance")
        return
    own = state.encryption == "aws:kms" and state.kms_key_arn in (key.arn, key.key_id)
    found.expect(own, "encrypted with the tenant's own key", "the bucket is not encrypted with its key", "compliance")
    used = found.measured.get("object", {}).get("encryption")
    found.expect(used == "aws:kms", "objects are encrypted by KMS", f"an object was encrypted by {used}", "compliance")
