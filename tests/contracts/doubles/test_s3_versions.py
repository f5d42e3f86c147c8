"""Versions and delete markers, and what it takes to empty a bucket."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from .aws import Aws, empty, refusal, versions


def test_every_put_is_a_version_and_a_delete_is_a_marker(aws: Aws, s3: Any) -> None:
    bucket = aws.new_bucket(versioned=True)
    ids = [s3.put_object(Bucket=bucket, Key="k", Body=str(n).encode())["VersionId"] for n in range(3)]
    marker = s3.delete_object(Bucket=bucket, Key="k")
    assert marker["DeleteMarker"] is True
    assert refusal(s3.get_object, Bucket=bucket, Key="k") == ("NoSuchKey", 404)
    assert refusal(s3.get_object, Bucket=bucket, Key="k", VersionId=marker["VersionId"]) == ("MethodNotAllowed", 405)
    assert [s3.get_object(Bucket=bucket, Key="k", VersionId=v)["Body"].read() for v in ids] == [b"0", b"1", b"2"]
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)
    page = s3.list_object_versions(Bucket=bucket)
    assert [item["VersionId"] for item in page["Versions"]] == ids[::-1]
    assert [item["IsLatest"] for item in page["DeleteMarkers"]] == [True]


def test_deleting_a_version_brings_back_the_one_before(aws: Aws, s3: Any) -> None:
    bucket = aws.new_bucket(versioned=True)
    s3.put_object(Bucket=bucket, Key="k", Body=b"1")
    second = s3.put_object(Bucket=bucket, Key="k", Body=b"2")["VersionId"]
    marker = s3.delete_object(Bucket=bucket, Key="k")["VersionId"]
    gone = s3.delete_object(Bucket=bucket, Key="k", VersionId=marker)
    assert (gone["DeleteMarker"], gone["VersionId"]) == (True, marker)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"2"
    s3.delete_object(Bucket=bucket, Key="k", VersionId=second)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"1"
    assert [item["Key"] for item in s3.list_objects_v2(Bucket=bucket)["Contents"]] == ["k"]
    missing = refusal(s3.get_object, Bucket=bucket, Key="k", VersionId=second)
    assert missing == ("NoSuchVersion", 404)


def test_suspended_versioning_replaces_only_the_null_version(aws: Aws, s3: Any) -> None:
    bucket = aws.new_bucket()
    s3.put_object(Bucket=bucket, Key="k", Body=b"before")
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    kept = s3.put_object(Bucket=bucket, Key="k", Body=b"kept")["VersionId"]
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Suspended"})
    s3.put_object(Bucket=bucket, Key="k", Body=b"null again")
    assert [item["VersionId"] for item in versions(s3, bucket)] == ["null", kept]
    assert s3.delete_object(Bucket=bucket, Key="k")["VersionId"] == "null"
    assert s3.list_object_versions(Bucket=bucket)["DeleteMarkers"][0]["VersionId"] == "null"
    assert s3.get_object(Bucket=bucket, Key="k", VersionId=kept)["Body"].read() == b"kept"


def test_a_listing_loses_nothing_when_its_pages_are_deleted(aws: Aws, s3: Any) -> None:
    bucket, seen = aws.new_bucket(versioned=True), 0
    for key in ("a", "b", "c"):
        for n in range(10):
            s3.put_object(Bucket=bucket, Key=key, Body=str(n).encode())
        s3.delete_object(Bucket=bucket, Key=key)
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket, PaginationConfig={"PageSize": 4}):
        found = page.get("Versions", []) + page.get("DeleteMarkers", [])
        seen += len(found)
        objects = [{"Key": item["Key"], "VersionId": item["VersionId"]} for item in found]
        s3.delete_objects(Bucket=bucket, Delete={"Objects": objects})
    assert seen == 33
    assert versions(s3, bucket) == []


def test_fifteen_hundred_versions_markers_and_an_open_upload(aws: Aws, s3: Any) -> None:
    bucket = aws.new_bucket(versioned=True)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda n: s3.put_object(Bucket=bucket, Key=f"k{n % 500:03}", Body=b"x"), range(1500)))
    objects = [{"Key": f"k{n:03}"} for n in range(100)]
    s3.delete_objects(Bucket=bucket, Delete={"Objects": objects})
    upload = s3.create_multipart_upload(Bucket=bucket, Key="open")["UploadId"]
    s3.upload_part(Bucket=bucket, Key="open", UploadId=upload, PartNumber=1, Body=b"part")
    current = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
    assert sum(len(page["Contents"]) for page in current) == 400
    assert refusal(s3.delete_bucket, Bucket=bucket) == ("BucketNotEmpty", 409)
    assert empty(s3, bucket) == 1600
    for item in s3.list_multipart_uploads(Bucket=bucket)["Uploads"]:
        s3.abort_multipart_upload(Bucket=bucket, Key=item["Key"], UploadId=item["UploadId"])
    s3.delete_bucket(Bucket=bucket)
