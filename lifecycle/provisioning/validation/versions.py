"""Everything a versioned bucket keeps under a prefix, removed for good: versions, delete markers, open uploads."""

from typing import Any

from lifecycle.stores import aws
from portal.lib.regions import Region

PASSES = 3


def purge(region: Region, bucket: str, prefix: str) -> int:
    """Remove what there is under the prefix and return how many things a last look still finds."""
    s3 = aws.client(region, "s3")
    with aws.translated("objects", f"purge {bucket}/{prefix}"):
        for _ in range(PASSES):
            found = _listed(s3, bucket, prefix)
            if found:
                s3.delete_objects(Bucket=bucket, Delete={"Objects": found, "Quiet": True})
            uploads = _uploads(s3, bucket, prefix)
            for upload in uploads:
                aws.unless_absent(s3.abort_multipart_upload, Bucket=bucket, **upload)
            if not found and not uploads:
                return 0
        return len(_listed(s3, bucket, prefix)) + len(_uploads(s3, bucket, prefix))


def _listed(s3: Any, bucket: str, prefix: str) -> list[dict[str, str]]:
    page = s3.list_object_versions(Bucket=bucket, Prefix=prefix, MaxKeys=1000)
    return [
        {"Key": one["Key"], "VersionId": one["VersionId"]}
        for one in page.get("Versions", []) + page.get("DeleteMarkers", [])
    ]


def _uploads(s3: Any, bucket: str, prefix: str) -> list[dict[str, str]]:
    page = s3.list_multipart_uploads(Bucket=bucket, Prefix=prefix)
    return [{"Key": one["Key"], "UploadId": one["UploadId"]} for one in page.get("Uploads", [])]
