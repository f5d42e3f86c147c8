"""Buckets themselves: create, list, delete, versioning. New ones block public access, as AWS's have since 2023."""

from __future__ import annotations

import re
import sqlite3

from .. import xml
from ..access import Guarded, require
from ..errors import AwsError
from ..store import now_ms
from ..web import Response
from .calls import Call, answer, iso

NAME = re.compile(r"(?!xn--|sthree-)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
ADDRESS = re.compile(r"\d+\.\d+\.\d+\.\d+")
PRIVATE_ACLS = ("", "private", "bucket-owner-full-control")
DEFAULT_CONFIG = {
    "encryption": (
        "<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault>"
        "<SSEAlgorithm>AES256</SSEAlgorithm></ApplyServerSideEncryptionByDefault>"
        "<BucketKeyEnabled>false</BucketKeyEnabled></Rule></ServerSideEncryptionConfiguration>"
    ),
    "publicAccessBlock": (
        "<PublicAccessBlockConfiguration><BlockPublicAcls>true</BlockPublicAcls>"
        "<IgnorePublicAcls>true</IgnorePublicAcls><BlockPublicPolicy>true</BlockPublicPolicy>"
        "<RestrictPublicBuckets>true</RestrictPublicBuckets></PublicAccessBlockConfiguration>"
    ),
    "ownershipControls": (
        "<OwnershipControls><Rule><ObjectOwnership>BucketOwnerEnforced</ObjectOwnership></Rule></OwnershipControls>"
    ),
}


def create(call: Call) -> Response:
    """A new bucket in this region; a second creation by its owner is refused, so nobody adopts one by accident."""
    name = call.bucket_name
    require(call.account, call.caller, Guarded("s3:CreateBucket", call.arn))
    if not NAME.fullmatch(name) or ".." in name or ADDRESS.fullmatch(name) or name.endswith("-s3alias"):
        raise AwsError("InvalidBucketName", "The specified bucket is not valid.", 400, BucketName=name)
    _check_location(call)
    if call.header("x-amz-acl") not in PRIVATE_ACLS:
        raise AwsError("InvalidBucketAclWithObjectOwnership", "Bucket cannot have ACLs set with BucketOwnerEnforced.")
    locked = call.header("x-amz-bucket-object-lock-enabled").lower() == "true"
    row = (name, now_ms(), "Enabled" if locked else "", locked)
    try:
        with call.account.store.write() as db:
            db.execute("INSERT INTO buckets VALUES (?, ?, ?, ?)", row)
            config = [(name, kind, body) for kind, body in DEFAULT_CONFIG.items()]
            db.executemany("INSERT INTO bucket_config VALUES (?, ?, ?)", config)
    except sqlite3.IntegrityError as error:
        message = "Your previous request to create the named bucket succeeded and you already own it."
        raise AwsError("BucketAlreadyOwnedByYou", message, 409, BucketName=name) from error
    return Response(200, {"Location": f"/{name}"})


def head(call: Call) -> Response:
    return Response(200, {"x-amz-bucket-region": call.account.region, "Content-Type": "application/xml"})


def delete(call: Call) -> Response:
    """Only an empty bucket goes: no version, no marker, and (stricter than AWS) no open upload."""
    name = call.bucket.name
    with call.account.store.write() as db:
        for table in ("versions", "uploads"):
            if db.execute(f"SELECT 1 FROM {table} WHERE bucket = ? LIMIT 1", (name,)).fetchone():  # noqa: S608
                raise AwsError("BucketNotEmpty", "The bucket you tried to delete is not empty", 409, BucketName=name)
        db.execute("DELETE FROM bucket_config WHERE bucket = ?", (name,))
        db.execute("DELETE FROM buckets WHERE name = ?", (name,))
    return Response(204)


def list_buckets(call: Call) -> Response:
    prefix, token = call.query.get("prefix", ""), call.query.get("continuation-token", "")
    limit = int(call.query.get("max-buckets", "")) if call.query.get("max-buckets", "").isdigit() else 10_000
    rows = call.account.store.all("SELECT * FROM buckets WHERE name > ? ORDER BY name", token)
    rows = [row for row in rows if row["name"].startswith(prefix)]
    page, region = rows[: max(1, limit)], call.account.region
    shown = [{"Name": row["name"], "CreationDate": iso(row["created_at"]), "BucketRegion": region} for row in page]
    result = {"Owner": {"ID": call.account.id}, "Buckets": {"Bucket": shown}}
    if len(rows) > len(page):
        result["ContinuationToken"] = page[-1]["name"]
    return answer("ListAllMyBucketsResult", result)


def location(call: Call) -> Response:
    region = "" if call.account.region == "us-east-1" else call.account.region
    return answer("LocationConstraint", region)  # type: ignore[arg-type]


def get_versioning(call: Call) -> Response:
    state = call.bucket.versioning
    return answer("VersioningConfiguration", {"Status": state} if state else {})


def put_versioning(call: Call) -> Response:
    """Enabled or Suspended; never back to unversioned, and never suspended under Object Lock."""
    state = call.xml("VersioningConfiguration").findtext("Status", "")
    if state not in ("Enabled", "Suspended"):
        raise AwsError("IllegalVersioningConfigurationException", "Status must be Enabled or Suspended.")
    if state == "Suspended" and call.bucket.lock_enabled:
        message = "An Object Lock configuration is present on this bucket, so the versioning state cannot be changed."
        raise AwsError("InvalidBucketState", message, 409)
    with call.account.store.write() as db:
        db.execute("UPDATE buckets SET versioning = ? WHERE name = ?", (state, call.bucket.name))
    return Response(200)


def _check_location(call: Call) -> None:
    body, region = call.body(), call.account.region
    wanted = xml.read(body).findtext("LocationConstraint", "") if body.strip() else ""
    if (wanted or "us-east-1") != region:
        raise AwsError(
            "IllegalLocationConstraintException",
            f"The {wanted or 'unspecified'} location constraint is incompatible for the region specific endpoint "
            "this request was sent to.",
        )
