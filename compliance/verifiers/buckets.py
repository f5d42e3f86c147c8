"""Buckets, and everything that is in them: versions, delete markers, open uploads."""

from collections.abc import Iterator
from typing import Any

from botocore.exceptions import ClientError

from portal.lib.regions import Region

from . import aws
from .answering import NotChecked

OWNER = "TenantID"
PLACES = {"": "us-east-1", "EU": "eu-west-1"}  # what S3 calls them


def names(s3: Any, region: Region) -> list[str]:
    """Every bucket of the account but those in another region that is connected: there it is looked at, too."""
    found: list[str] = []
    for page in aws.pages(s3, "list_buckets", ["Buckets", "Owner"], "S3, list buckets"):
        found += [one["Name"] for one in page["Buckets"]]
    return [one for one in found if _place(s3, one) not in region.same_aws] if region.same_aws else found


def _place(s3: Any, bucket: str) -> str:
    """The region the bucket lies in; no region where it is gone meanwhile."""
    asked = f"S3, where {bucket} is"
    with aws.heard(asked):
        try:
            said = s3.get_bucket_location(Bucket=bucket)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code", "") == "NoSuchBucket":
                return "gone"
            raise
    if "LocationConstraint" not in said:
        raise NotChecked(f"{asked}: the answer lacks LocationConstraint.")
    place = str(said["LocationConstraint"] or "")
    return PLACES.get(place, place)


def owner(s3: Any, bucket: str) -> str | None:
    """The tenant that the bucket's tags name, an empty text where they name none; None where the bucket is gone."""
    try:
        tags = s3.get_bucket_tagging(Bucket=bucket)
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        if code in ("NoSuchTagSet", "NoSuchBucket"):
            return "" if code == "NoSuchTagSet" else None
        with aws.heard(f"S3, tags of {bucket}"):
            raise
    if "TagSet" not in tags:
        raise NotChecked(f"S3, tags of {bucket}: the answer lacks TagSet.")
    return next((one["Value"] for one in tags["TagSet"] if one["Key"] == OWNER), "")


def records_there(s3: Any, bucket: str, prefix: str = "") -> Iterator[tuple[str, str]]:
    """The records of a bucket that may be another's, and go meanwhile: then it has none."""
    try:
        yield from records(s3, bucket, prefix)
    except NotChecked:
        if owner(s3, bucket) is not None:
            raise


def is_short(s3: Any, bucket: str) -> bool:
    """Whether one answer holds all that is in it; not so of a bucket that is gone meanwhile."""
    try:
        asked = f"S3, what is in {bucket}"
        found = aws.asked_once(s3, "list_object_versions", ["IsTruncated", "Name"], asked, Bucket=bucket)
        return not found["IsTruncated"]
    except NotChecked:
        return False


def records(s3: Any, bucket: str, prefix: str = "") -> Iterator[tuple[str, str]]:
    """The key and the record's id of every version, marker and open upload under a prefix."""
    asked = f"S3, what is in {bucket}"
    where = {"Bucket": bucket, "Prefix": prefix}
    for page in aws.pages(s3, "list_object_versions", ["IsTruncated", "Name"], asked, **where):
        for one in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]:
            yield one["Key"], f"{bucket}/{one['Key']}?version={one['VersionId']}"
    for page in aws.pages(s3, "list_multipart_uploads", ["IsTruncated", "Bucket"], asked, **where):
        for one in page.get("Uploads", []):
            yield one["Key"], f"{bucket}/{one['Key']}?upload={one['UploadId']}"
