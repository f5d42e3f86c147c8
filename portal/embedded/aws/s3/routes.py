"""Which function answers a request: method × (service, bucket, object) × subresource, and the action it needs.

A subresource this table does not know is refused, never taken for the plain operation: `DELETE /bucket?policy`
must not become `DELETE /bucket`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ..access import Caller
from ..errors import AwsError, access_denied, not_implemented
from ..sigv4 import Signature
from ..web import Request, Response
from . import (
    bucket_config,
    buckets,
    copying,
    listing,
    locks,
    multipart,
    objects,
    reading,
    tagging,
)
from .calls import Call

if TYPE_CHECKING:
    from ..account import Account

Operation = tuple[Callable[[Call], Response], str]

SERVICE: dict[tuple[str, str], Operation] = {("GET", ""): (buckets.list_buckets, "s3:ListAllMyBuckets")}

BUCKET: dict[tuple[str, str], Operation] = {
    ("PUT", ""): (buckets.create, ""),
    ("HEAD", ""): (buckets.head, "s3:ListBucket"),
    ("DELETE", ""): (buckets.delete, "s3:DeleteBucket"),
    ("GET", ""): (listing.list_objects, ""),
    ("GET", "list-type"): (listing.list_objects_v2, ""),
    ("GET", "versions"): (listing.list_versions, ""),
    ("GET", "uploads"): (multipart.list_uploads, "s3:ListBucketMultipartUploads"),
    ("POST", "delete"): (objects.delete_many, ""),
    ("GET", "location"): (buckets.location, "s3:GetBucketLocation"),
    ("GET", "versioning"): (buckets.get_versioning, "s3:GetBucketVersioning"),
    ("PUT", "versioning"): (buckets.put_versioning, "s3:PutBucketVersioning"),
    ("GET", "object-lock"): (locks.get_configuration, "s3:GetBucketObjectLockConfiguration"),
    ("PUT", "object-lock"): (locks.put_configuration, "s3:PutBucketObjectLockConfiguration"),
    ("GET", "policy"): (bucket_config.get_policy, ""),
    ("PUT", "policy"): (bucket_config.put_policy, ""),
    ("DELETE", "policy"): (bucket_config.delete_policy, ""),
    ("GET", "policyStatus"): (bucket_config.policy_status, "s3:GetBucketPolicyStatus"),
    ("GET", "acl"): (bucket_config.get_acl, "s3:GetBucketAcl"),
    ("PUT", "acl"): (bucket_config.put_acl, "s3:PutBucketAcl"),
    **bucket_config.operations(),
}

OBJECT: dict[tuple[str, str], Operation] = {
    ("PUT", ""): (objects.put, "s3:PutObject"),
    ("PUT", "copy"): (copying.copy, "s3:PutObject"),
    ("GET", ""): (reading.get, ""),
    ("HEAD", ""): (reading.head, ""),
    ("DELETE", ""): (objects.delete, ""),
    ("GET", "attributes"): (reading.attributes, ""),
    ("POST", "uploads"): (multipart.create, "s3:PutObject"),
    ("PUT", "uploadId"): (multipart.upload_part, "s3:PutObject"),
    ("PUT", "copy-part"): (copying.copy_part, "s3:PutObject"),
    ("POST", "uploadId"): (multipart.complete, "s3:PutObject"),
    ("DELETE", "uploadId"): (multipart.abort, "s3:AbortMultipartUpload"),
    ("GET", "uploadId"): (multipart.list_parts, "s3:ListMultipartUploadParts"),
    ("GET", "tagging"): (tagging.get, ""),
    ("PUT", "tagging"): (tagging.put, ""),
    ("DELETE", "tagging"): (tagging.delete, ""),
    ("GET", "retention"): (locks.get_retention, "s3:GetObjectRetention"),
    ("PUT", "retention"): (locks.put_retention, "s3:PutObjectRetention"),
    ("GET", "legal-hold"): (locks.get_legal_hold, "s3:GetObjectLegalHold"),
    ("PUT", "legal-hold"): (locks.put_legal_hold, "s3:PutObjectLegalHold"),
    ("GET", "acl"): (bucket_config.get_acl, "s3:GetObjectAcl"),
    ("PUT", "acl"): (bucket_config.put_acl, "s3:PutObjectAcl"),
}

SUBRESOURCES = {name for _, name in [*BUCKET, *OBJECT]} - {"", "copy", "copy-part"}
UNKNOWN_SUBRESOURCES = {
    "abac", "analytics", "annotation", "intelligent-tiering", "inventory", "metadataAnnotationTable",
    "metadataConfiguration", "metadataInventoryTable", "metadataJournalTable", "metadataTable", "metrics",
    "renameObject", "restore", "select", "session", "torrent",
}  # fmt: skip


def call(account: Account, request: Request, caller: Caller, signature: Signature | None) -> Response:
    """Runs the operation the request names, after checking that the caller may."""
    bucket, key = _target(request)
    this = Call(account, request, caller, signature, bucket, key)
    table = OBJECT if key else BUCKET if bucket else SERVICE
    name = _subresource(request, bool(key))
    operation = table.get((request.method, name))
    if operation is None:
        raise _no_operation(request, name)
    if bucket and operation[0] is not buckets.create:
        this.bucket  # noqa: B018 - NoSuchBucket comes before any other answer
    if this.header("x-amz-expected-bucket-owner", account.id) != account.id:
        raise access_denied()
    if operation[1]:
        this.require(operation[1])
    return operation[0](this)


def _target(request: Request) -> tuple[str, str]:
    bucket, _, key = request.path.removeprefix("/").partition("/")
    if len(key.encode()) > 1024:
        raise AwsError("KeyTooLongError", "Your key is too long")
    if "\x00" in request.path or "\ufffd" in request.path:
        raise AwsError("InvalidURI", "Couldn't parse the specified URI.")
    return bucket, key


def _subresource(request: Request, has_key: bool) -> str:
    names = request.query.keys()
    if found := names & UNKNOWN_SUBRESOURCES:
        raise not_implemented(f"?{min(found)}")
    copied = request.method == "PUT" and has_key and "x-amz-copy-source" in request.headers
    found = names & SUBRESOURCES
    if "uploadId" in found:
        return "copy-part" if copied else "uploadId"
    if len(found) > 1:
        raise AwsError("InvalidRequest", f"Conflicting subresources: {', '.join(sorted(found))}")
    return found.pop() if found else "copy" if copied else ""


def _no_operation(request: Request, name: str) -> AwsError:
    if name:
        return not_implemented(f"{request.method} ?{name}")
    return AwsError("MethodNotAllowed", "The specified method is not allowed against this resource.", 405)
