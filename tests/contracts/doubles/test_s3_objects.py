"""Objects and listings as unmodified boto3 sees them."""

import hashlib
import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from .aws import Aws, refusal

KEYS = ["plain", "with space", "ü/ñ+%2F", "a/b/c", "x_y=1&z", "..", "ключ"]


@pytest.mark.parametrize("key", KEYS)
def test_content_metadata_and_tags_come_back_as_they_went(aws: Aws, s3: Any, key: str) -> None:
    bucket, body = aws.new_bucket(), key.encode() * 1000
    s3.put_object(Bucket=bucket, Key=key, Body=body, ContentType="text/plain", Metadata={"a_b": "c"}, Tagging="t=1&u=")
    found = s3.get_object(Bucket=bucket, Key=key)
    assert found["Body"].read() == body
    assert found["ETag"] == f'"{hashlib.md5(body).hexdigest()}"'
    assert (found["ContentType"], found["Metadata"], found["TagCount"]) == ("text/plain", {"a_b": "c"}, 2)
    tags = s3.get_object_tagging(Bucket=bucket, Key=key)["TagSet"]
    assert tags == [{"Key": "t", "Value": "1"}, {"Key": "u", "Value": ""}]
    assert [item["Key"] for item in s3.list_objects_v2(Bucket=bucket)["Contents"]] == [key]


@pytest.mark.parametrize("size", [0, 1, 262_143, 262_144, 262_145, 1_000_000])
def test_any_range_of_any_size(aws: Aws, s3: Any, size: int) -> None:
    bucket, body = aws.new_bucket(), bytes(index * 7 % 251 for index in range(size))
    s3.put_object(Bucket=bucket, Key="k", Body=body)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == body
    assert s3.head_object(Bucket=bucket, Key="k")["ContentLength"] == size
    if not size:
        assert refusal(s3.get_object, Bucket=bucket, Key="k", Range="bytes=0-")[0] == "InvalidRange"
        return
    for text, start, end in (
        ("bytes=0-0", 0, 1),
        (f"bytes={size // 2}-", size // 2, size),
        ("bytes=-1", size - 1, size),
        (f"bytes=0-{size * 2}", 0, size),
    ):
        found = s3.get_object(Bucket=bucket, Key="k", Range=text)
        assert found["Body"].read() == body[start:end]
        assert found["ContentRange"] == f"bytes {start}-{end - 1}/{size}"
        assert found["ResponseMetadata"]["HTTPStatusCode"] == 206
    assert refusal(s3.get_object, Bucket=bucket, Key="k", Range=f"bytes={size}-") == ("InvalidRange", 416)


def test_what_is_not_there_has_its_own_error(aws: Aws, s3: Any) -> None:
    bucket = aws.new_bucket()
    assert refusal(s3.get_object, Bucket=bucket, Key="none") == ("NoSuchKey", 404)
    assert refusal(s3.head_object, Bucket=bucket, Key="none") == ("404", 404)
    assert refusal(s3.get_object, Bucket="no-such-bucket-here", Key="k") == ("NoSuchBucket", 404)
    assert refusal(s3.get_bucket_policy, Bucket=bucket) == ("NoSuchBucketPolicy", 404)
    assert refusal(s3.get_bucket_lifecycle_configuration, Bucket=bucket) == ("NoSuchLifecycleConfiguration", 404)
    s3.delete_object(Bucket=bucket, Key="none")
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    assert refusal(s3.delete_bucket, Bucket=bucket) == ("BucketNotEmpty", 409)
    s3.delete_object(Bucket=bucket, Key="k")
    s3.delete_bucket(Bucket=bucket)
    assert refusal(s3.head_bucket, Bucket=bucket) == ("404", 404)


def test_a_bucket_is_created_once_and_in_its_own_region(aws: Aws, s3: Any) -> None:
    bucket = aws.new_bucket()
    here = {"LocationConstraint": aws.region}
    refused = refusal(s3.create_bucket, Bucket=bucket, CreateBucketConfiguration=here)
    assert refused == ("BucketAlreadyOwnedByYou", 409)
    assert s3.get_bucket_location(Bucket=bucket)["LocationConstraint"] == aws.region
    elsewhere = {"LocationConstraint": "sa-east-1"}
    refused = refusal(s3.create_bucket, Bucket=f"{bucket}-x", CreateBucketConfiguration=elsewhere)
    assert refused[0] == "IllegalLocationConstraintException"


def test_listing_pages_prefixes_and_delimiters(aws: Aws, s3: Any) -> None:
    bucket = aws.new_bucket()
    keys = sorted([f"a/{n:02}" for n in range(7)] + [f"b/{n}/x" for n in range(5)] + ["c", "a", "a.b", "é"])
    for key in keys:
        s3.put_object(Bucket=bucket, Key=key, Body=b"")
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, PaginationConfig={"PageSize": 3})
    assert [item["Key"] for page in pages for item in page["Contents"]] == keys
    found = s3.list_objects_v2(Bucket=bucket, Delimiter="/")
    assert [item["Prefix"] for item in found["CommonPrefixes"]] == ["a/", "b/"]
    assert [item["Key"] for item in found["Contents"]] == ["a", "a.b", "c", "é"]
    pages = s3.get_paginator("list_objects_v2").paginate(
        Bucket=bucket, Prefix="b/", Delimiter="/", PaginationConfig={"PageSize": 2}
    )
    assert [item["Prefix"] for page in pages for item in page["CommonPrefixes"]] == [f"b/{n}/" for n in range(5)]
    assert [item["Key"] for item in s3.list_objects_v2(Bucket=bucket, StartAfter="b/3/x")["Contents"]] == [
        "b/4/x", "c", "é"
    ]  # fmt: skip
    pages = s3.get_paginator("list_objects").paginate(Bucket=bucket, PaginationConfig={"PageSize": 4})
    assert [item["Key"] for page in pages for item in page["Contents"]] == keys


def test_reads_on_condition(aws: Aws, s3: Any) -> None:
    bucket = aws.new_bucket()
    etag = s3.put_object(Bucket=bucket, Key="k", Body=b"x")["ETag"]
    hour = timedelta(hours=1)
    assert refusal(s3.get_object, Bucket=bucket, Key="k", IfMatch='"other"') == ("PreconditionFailed", 412)
    assert refusal(s3.get_object, Bucket=bucket, Key="k", IfNoneMatch=etag)[1] == 304
    past, future = datetime.now(UTC) - hour, datetime.now(UTC) + hour
    assert refusal(s3.get_object, Bucket=bucket, Key="k", IfUnmodifiedSince=past) == ("PreconditionFailed", 412)
    assert refusal(s3.get_object, Bucket=bucket, Key="k", IfModifiedSince=future)[1] == 304
    assert s3.get_object(Bucket=bucket, Key="k", IfMatch=etag)["Body"].read() == b"x"


def test_of_two_conditional_writers_exactly_one_wins(aws: Aws, s3: Any) -> None:
    bucket = aws.new_bucket()
    clients = [aws.client("s3") for _ in range(4)]
    for attempt in range(10):
        outcomes, gate = [], threading.Barrier(len(clients))

        def race(client: Any, key: str, outcomes: list[str], gate: threading.Barrier) -> None:
            gate.wait()
            try:
                client.put_object(Bucket=bucket, Key=key, Body=b"lock", IfNoneMatch="*")
                outcomes.append("won")
            except client.exceptions.ClientError as error:
                outcomes.append(error.response["Error"]["Code"])

        threads = [threading.Thread(target=race, args=(c, f"lock-{attempt}", outcomes, gate)) for c in clients]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert outcomes.count("won") == 1
        assert set(outcomes) - {"won"} <= {"PreconditionFailed", "ConditionalRequestConflict"}


def test_compare_and_swap_by_etag(aws: Aws, s3: Any) -> None:
    bucket = aws.new_bucket()
    first = s3.put_object(Bucket=bucket, Key="k", Body=b"1")["ETag"]
    s3.put_object(Bucket=bucket, Key="k", Body=b"2", IfMatch=first)
    assert refusal(s3.put_object, Bucket=bucket, Key="k", Body=b"3", IfMatch=first) == ("PreconditionFailed", 412)
    assert refusal(s3.put_object, Bucket=bucket, Key="none", Body=b"3", IfMatch=first) == ("NoSuchKey", 404)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"2"


def test_copies_keep_or_replace_metadata_and_tags(aws: Aws, s3: Any) -> None:
    bucket, source = aws.new_bucket(versioned=True), {"a": "1"}
    old = s3.put_object(Bucket=bucket, Key="ü 1", Body=b"old", Metadata=source, Tagging="t=1")["VersionId"]
    s3.put_object(Bucket=bucket, Key="ü 1", Body=b"new")
    s3.copy_object(Bucket=bucket, Key="kept", CopySource={"Bucket": bucket, "Key": "ü 1", "VersionId": old})
    kept = s3.get_object(Bucket=bucket, Key="kept")
    assert (kept["Body"].read(), kept["Metadata"], kept["TagCount"]) == (b"old", source, 1)
    s3.copy_object(
        Bucket=bucket, Key="changed", CopySource={"Bucket": bucket, "Key": "ü 1"}, MetadataDirective="REPLACE",
        Metadata={"b": "2"}, TaggingDirective="REPLACE",
    )  # fmt: skip
    changed = s3.get_object(Bucket=bucket, Key="changed")
    assert (changed["Body"].read(), changed["Metadata"]) == (b"new", {"b": "2"})
    itself = {"Bucket": bucket, "Key": "kept"}
    assert refusal(s3.copy_object, **itself, CopySource=itself) == ("InvalidRequest", 400)


def test_bucket_settings_are_kept_and_checked(aws: Aws, s3: Any) -> None:
    bucket = aws.new_bucket()
    assert s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]["BlockPublicPolicy"] is True
    rules = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    assert rules[0]["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"
    tags = [{"Key": "TenantID", "Value": "x y"}, {"Key": "Empty", "Value": ""}]
    s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": tags})
    assert s3.get_bucket_tagging(Bucket=bucket)["TagSet"] == tags
    s3.delete_bucket_tagging(Bucket=bucket)
    assert refusal(s3.get_bucket_tagging, Bucket=bucket) == ("NoSuchTagSet", 404)
    expiry = {"NoncurrentVersionExpiration": {"NoncurrentDays": 9}}
    rule = {"ID": "old", "Status": "Enabled", "Filter": {"Prefix": ""}, **expiry}
    s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": [rule]})
    kept = s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"][0]
    assert kept["NoncurrentVersionExpiration"] == {"NoncurrentDays": 9}
    assert s3.get_bucket_logging(Bucket=bucket).get("LoggingEnabled") is None
    status = {"LoggingEnabled": {"TargetBucket": aws.new_bucket(), "TargetPrefix": "l/"}}
    s3.put_bucket_logging(Bucket=bucket, BucketLoggingStatus=status)
    assert s3.get_bucket_logging(Bucket=bucket)["LoggingEnabled"] == status["LoggingEnabled"]
    ownership = s3.get_bucket_ownership_controls(Bucket=bucket)["OwnershipControls"]["Rules"]
    assert ownership == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    assert refusal(s3.put_bucket_acl, Bucket=bucket, ACL="public-read")[0] == "AccessControlListNotSupported"


def test_an_unknown_subresource_never_becomes_the_plain_operation(aws: Aws, s3: Any) -> None:
    bucket = aws.new_bucket()
    assert refusal(s3.delete_bucket_analytics_configuration, Bucket=bucket, Id="x") == ("NotImplemented", 501)
    assert refusal(s3.delete_bucket_website, Bucket=bucket) == ("NotImplemented", 501)
    s3.head_bucket(Bucket=bucket)
