"""Multipart uploads: joined in order, listed while open, gone when aborted, conditional when completed."""

import os
from typing import Any

import pytest
from boto3.s3.transfer import TransferConfig

from .aws import Aws, refusal

PART = 5 * 1024 * 1024


def test_boto3_uploads_and_downloads_a_large_file(aws: Aws, s3: Any, tmp_path: Any) -> None:
    bucket, source, target = aws.new_bucket(), tmp_path / "in", tmp_path / "out"
    source.write_bytes(os.urandom(2 * PART + 12345))
    config = TransferConfig(multipart_threshold=PART, multipart_chunksize=PART, max_concurrency=3)
    s3.upload_file(str(source), bucket, "large", Config=config)
    found = s3.head_object(Bucket=bucket, Key="large", ChecksumMode="ENABLED")
    assert found["ETag"].endswith('-3"')
    s3.download_file(bucket, "large", str(target), Config=config)
    assert target.read_bytes() == source.read_bytes()


@pytest.mark.parametrize("checksum", ["CRC32", "SHA1", "SHA256", ""])
def test_parts_are_checked_and_joined(aws: Aws, s3: Any, checksum: str) -> None:
    bucket, first, last = aws.new_bucket(), os.urandom(PART), b"end"
    options = {"ChecksumAlgorithm": checksum} if checksum else {}
    upload = s3.create_multipart_upload(Bucket=bucket, Key="k", Metadata={"m": "1"}, **options)["UploadId"]
    place = {"Bucket": bucket, "Key": "k", "UploadId": upload}
    sent = [s3.upload_part(**place, PartNumber=n, Body=body, **options) for n, body in ((2, first), (7, last))]
    listed = s3.list_parts(**place)["Parts"]
    assert [(part["PartNumber"], part["Size"]) for part in listed] == [(2, PART), (7, 3)]
    parts = [{"PartNumber": n, "ETag": part["ETag"]} for n, part in zip((2, 7), sent, strict=True)]
    done = s3.complete_multipart_upload(**place, MultipartUpload={"Parts": parts})
    found = s3.get_object(Bucket=bucket, Key="k")
    assert (found["Body"].read(), found["Metadata"], found["ETag"]) == (first + last, {"m": "1"}, done["ETag"])
    assert refusal(s3.list_parts, **place) == ("NoSuchUpload", 404)
    if checksum:
        assert done[f"Checksum{checksum}"].endswith("-2")


def test_wrong_parts_are_refused(aws: Aws, s3: Any) -> None:
    bucket = aws.new_bucket()
    upload = s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    place = {"Bucket": bucket, "Key": "k", "UploadId": upload}
    tags = [s3.upload_part(**place, PartNumber=n, Body=b"small")["ETag"] for n in (1, 2)]

    def complete(*parts: tuple[int, str]) -> str:
        named = [{"PartNumber": number, "ETag": etag} for number, etag in parts]
        return refusal(s3.complete_multipart_upload, **place, MultipartUpload={"Parts": named})[0]

    assert complete((1, tags[0]), (2, tags[1])) == "EntityTooSmall"
    assert complete((2, tags[1]), (1, tags[0])) == "InvalidPartOrder"
    assert complete((1, '"00000000000000000000000000000000"')) == "InvalidPart"
    assert refusal(s3.upload_part, **place, PartNumber=10001, Body=b"x")[0] == "InvalidArgument"
    s3.abort_multipart_upload(**place)
    assert refusal(s3.upload_part, **place, PartNumber=1, Body=b"x") == ("NoSuchUpload", 404)
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=bucket)


def test_completing_on_condition(aws: Aws, s3: Any) -> None:
    bucket = aws.new_bucket()
    s3.put_object(Bucket=bucket, Key="k", Body=b"there")
    upload = s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    place = {"Bucket": bucket, "Key": "k", "UploadId": upload}
    etag = s3.upload_part(**place, PartNumber=1, Body=b"new")["ETag"]
    parts = {"Parts": [{"PartNumber": 1, "ETag": etag}]}
    refused = refusal(s3.complete_multipart_upload, **place, MultipartUpload=parts, IfNoneMatch="*")
    assert refused == ("PreconditionFailed", 412)
    s3.delete_object(Bucket=bucket, Key="k")
    s3.complete_multipart_upload(**place, MultipartUpload=parts, IfNoneMatch="*")
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"new"


def test_parts_can_be_copied_from_ranges(aws: Aws, s3: Any) -> None:
    bucket, body = aws.new_bucket(), os.urandom(PART + 100)
    s3.put_object(Bucket=bucket, Key="source", Body=body)
    upload = s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    place, source = {"Bucket": bucket, "Key": "k", "UploadId": upload}, {"Bucket": bucket, "Key": "source"}
    parts = []
    for number, text in ((1, f"bytes=0-{PART - 1}"), (2, f"bytes={PART}-{PART + 99}")):
        part = s3.upload_part_copy(**place, PartNumber=number, CopySource=source, CopySourceRange=text)
        parts.append({"PartNumber": number, "ETag": part["CopyPartResult"]["ETag"]})
    s3.complete_multipart_upload(**place, MultipartUpload={"Parts": parts})
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == body


def test_open_uploads_are_listed_in_pages(aws: Aws, s3: Any) -> None:
    bucket = aws.new_bucket()
    opened = {s3.create_multipart_upload(Bucket=bucket, Key=f"k{n % 3}")["UploadId"] for n in range(7)}
    pages = s3.get_paginator("list_multipart_uploads").paginate(Bucket=bucket, PaginationConfig={"PageSize": 2})
    found = [item for page in pages for item in page["Uploads"]]
    assert [item["Key"] for item in found] == ["k0"] * 3 + ["k1"] * 2 + ["k2"] * 2
    assert {item["UploadId"] for item in found} == opened
