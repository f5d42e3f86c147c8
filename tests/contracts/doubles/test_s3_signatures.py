"""Who signed a request is checked, and that nothing in it was changed: headers, URLs and streamed bodies."""

import base64
import hashlib
import hmac
import time
import zlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
import time_machine
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from .aws import Aws, refusal

EMPTY = hashlib.sha256(b"").hexdigest()


@pytest.fixture(scope="module")
def bucket(aws: Aws, s3: Any) -> str:
    name = aws.new_bucket()
    s3.put_object(Bucket=name, Key="k", Body=b"content")
    return name


def test_a_wrong_secret_and_an_unknown_key_are_refused(aws: Aws, bucket: str) -> None:
    wrong = replace(aws, secret_access_key="wrong").client("s3")
    assert refusal(wrong.get_object, Bucket=bucket, Key="k") == ("SignatureDoesNotMatch", 403)
    assert refusal(wrong.put_object, Bucket=bucket, Key="k", Body=b"x") == ("SignatureDoesNotMatch", 403)
    unknown = replace(aws, access_key_id="AKIANOBODY").client("s3")
    assert refusal(unknown.list_buckets) == ("InvalidAccessKeyId", 403)


def test_another_regions_signature_is_refused(aws: Aws, bucket: str) -> None:
    elsewhere = replace(aws, region="eu-central-1")
    request = _signed(elsewhere, "GET", f"{aws.url}/{bucket}/k", EMPTY, {})
    answer = httpx.get(request.url, headers=dict(request.headers))
    assert (_code(answer), f"<Region>{aws.region}</Region>" in answer.text) == ("AuthorizationHeaderMalformed", True)
    assert aws.client("s3").head_bucket(Bucket=bucket)["BucketRegion"] == aws.region


def test_an_old_signature_is_refused(aws: Aws, bucket: str) -> None:
    with time_machine.travel(datetime.now(UTC) - timedelta(minutes=20), tick=True):
        assert refusal(aws.client("s3").get_object, Bucket=bucket, Key="k") == ("RequestTimeTooSkewed", 403)


@pytest.mark.parametrize("version", ["s3v4", None])
def test_presigned_urls_work_until_they_expire(aws: Aws, s3: Any, bucket: str, version: str | None) -> None:
    client = aws.client("s3", signature_version=version) if version else aws.client("s3", signature_version="s3")
    place = {"Bucket": bucket, "Key": "k"}
    url = client.generate_presigned_url("get_object", Params=place, ExpiresIn=60)
    assert httpx.get(url).content == b"content"
    assert _code(httpx.get(url.replace("/k?", "/other?"))) == "SignatureDoesNotMatch"
    assert _code(httpx.delete(url)) == "SignatureDoesNotMatch"
    with time_machine.travel(datetime.now(UTC) - timedelta(minutes=5), tick=False):
        old = client.generate_presigned_url("get_object", Params=place, ExpiresIn=60)
    late = httpx.get(old)
    assert (late.status_code, _code(late)) == (403, "AccessDenied")
    put = client.generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": "by-url"}, ExpiresIn=60)
    assert httpx.put(put, content=b"by url").status_code == 200
    assert s3.get_object(Bucket=bucket, Key="by-url")["Body"].read() == b"by url"


def test_nobody_reads_without_a_signature(aws: Aws, bucket: str) -> None:
    for response in (httpx.get(f"{aws.url}/{bucket}/k"), httpx.get(aws.url), httpx.put(f"{aws.url}/{bucket}/k")):
        assert (response.status_code, _code(response)) == (403, "AccessDenied")


def test_a_body_that_differs_from_its_announced_hash_is_not_stored(aws: Aws, s3: Any, bucket: str) -> None:
    for announced, code in (
        ({"x-amz-content-sha256": hashlib.sha256(b"other").hexdigest()}, "XAmzContentSHA256Mismatch"),
        ({"content-md5": base64.b64encode(hashlib.md5(b"other").digest()).decode()}, "BadDigest"),
        ({"x-amz-checksum-crc32": base64.b64encode(bytes(4)).decode()}, "BadDigest"),
        ({"x-amz-checksum-crc32c": base64.b64encode(bytes(4)).decode()}, "BadDigest"),
    ):
        hashed = announced.get("x-amz-content-sha256", hashlib.sha256(b"sent").hexdigest())
        request = _signed(aws, "PUT", f"{aws.url}/{bucket}/altered", hashed, {**announced})
        assert _code(httpx.put(request.url, headers=dict(request.headers), content=b"sent")) == code
    assert refusal(s3.get_object, Bucket=bucket, Key="altered") == ("NoSuchKey", 404)


def test_checksums_come_back_and_are_what_others_compute(aws: Aws, s3: Any, bucket: str) -> None:
    for name, value in (("CRC32C", "4waSgw=="), ("CRC64NVME", "rosUhgp5mIg=")):  # of "123456789", as published
        header = {f"x-amz-checksum-{name.lower()}": value}
        request = _signed(aws, "PUT", f"{aws.url}/{bucket}/sum", hashlib.sha256(b"123456789").hexdigest(), header)
        assert httpx.put(request.url, headers=dict(request.headers), content=b"123456789").status_code == 200
        found = s3.head_object(Bucket=bucket, Key="sum", ChecksumMode="ENABLED")
        assert found[f"Checksum{name}"] == value


@pytest.mark.parametrize("kind", ["SIGNED", "UNSIGNED"])
def test_streamed_bodies_with_trailing_checksums(aws: Aws, s3: Any, bucket: str, kind: str) -> None:
    body = b"abc" * 50_000
    assert _stream(aws, bucket, "streamed", body, kind).status_code == 200
    assert s3.get_object(Bucket=bucket, Key="streamed")["Body"].read() == body
    assert _code(_stream(aws, bucket, "bad-sum", body, kind, wrong_checksum=True)) == "BadDigest"
    assert refusal(s3.get_object, Bucket=bucket, Key="bad-sum") == ("NoSuchKey", 404)


def test_an_altered_chunk_breaks_the_chain(aws: Aws, s3: Any, bucket: str) -> None:
    response = _stream(aws, bucket, "broken", b"abc" * 50_000, "SIGNED", alter=True)
    assert (response.status_code, _code(response)) == (403, "SignatureDoesNotMatch")
    assert refusal(s3.get_object, Bucket=bucket, Key="broken") == ("NoSuchKey", 404)


def _code(response: httpx.Response) -> str:
    return response.text.partition("<Code>")[2].partition("</Code>")[0]


def _signed(aws: Aws, method: str, url: str, payload_hash: str, headers: dict[str, str]) -> AWSRequest:
    """A header-signed request whose announced payload hash is ours to choose."""
    request = AWSRequest(method=method, url=url, headers={"host": urlsplit(url).netloc, **headers})
    request.headers["x-amz-content-sha256"] = payload_hash
    signer = S3SigV4Auth(Credentials(aws.access_key_id, aws.secret_access_key), "s3", aws.region)
    signer.payload = lambda request: payload_hash  # type: ignore[method-assign]
    signer.add_auth(request)
    return request


def _stream(
    aws: Aws, bucket: str, key: str, body: bytes, kind: str, wrong_checksum: bool = False, alter: bool = False
) -> httpx.Response:
    """An aws-chunked upload with a trailing CRC32, as SDKs send them, in 64 KiB chunks."""
    announced = {
        "SIGNED": "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER", "UNSIGNED": "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
    }[kind]  # fmt: skip
    headers = {
        "content-encoding": "aws-chunked", "x-amz-decoded-content-length": str(len(body)),
        "x-amz-trailer": "x-amz-checksum-crc32",
    }  # fmt: skip
    request = _signed(aws, "PUT", f"{aws.url}/{bucket}/{key}", announced, headers)
    crc = zlib.crc32(b"other" if wrong_checksum else body).to_bytes(4, "big")
    trailer = f"x-amz-checksum-crc32:{base64.b64encode(crc).decode()}"
    chunks = list(_chunks(aws, request, body, trailer, signed=kind == "SIGNED"))
    if alter:
        chunks[1] = chunks[1].replace(b"abc", b"abd", 1)
    content = b"".join(chunks)
    return httpx.put(
        request.url, headers={**dict(request.headers), "content-length": str(len(content))}, content=content
    )


def _chunks(aws: Aws, request: AWSRequest, body: bytes, trailer: str, signed: bool) -> Iterator[bytes]:
    timestamp = request.headers["X-Amz-Date"]
    scope = f"{timestamp[:8]}/{aws.region}/s3/aws4_request"
    key = ("AWS4" + aws.secret_access_key).encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    previous = request.headers["Authorization"].rpartition("Signature=")[2]

    def sign(kind: str, *lines: str) -> str:
        text = "\n".join([f"AWS4-HMAC-SHA256-{kind}", timestamp, scope, previous, *lines])
        return hmac.digest(key, text.encode(), "sha256").hex()

    for start in [*range(0, len(body), 65536), len(body)]:
        piece = body[start : start + 65536]
        extension = ""
        if signed:
            previous = sign("PAYLOAD", EMPTY, hashlib.sha256(piece).hexdigest())
            extension = f";chunk-signature={previous}"
        yield f"{len(piece):x}{extension}\r\n".encode() + piece + (b"\r\n" if piece else b"")
    yield f"{trailer}\r\n".encode()
    if signed:
        value = sign("TRAILER", hashlib.sha256(f"{trailer}\n".encode()).hexdigest())
        yield f"x-amz-trailer-signature:{value}\r\n".encode()
    yield b"\r\n"


def test_a_large_refused_upload_leaves_the_connection_usable(aws: Aws, s3: Any, bucket: str) -> None:
    before = time.monotonic()
    wrong = replace(aws, secret_access_key="wrong").client("s3")
    for _ in range(2):
        assert refusal(wrong.put_object, Bucket=bucket, Key="k", Body=b"x" * 3_000_000)[1] == 403
    assert time.monotonic() - before < 5
