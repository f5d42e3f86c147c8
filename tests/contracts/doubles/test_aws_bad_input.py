"""Whatever arrives, the answer is a 4xx or a closed connection, and the server goes on."""

import random
import re
import socket
from urllib.parse import urlsplit

import httpx
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from .aws import Aws

HTTP = httpx.Client(timeout=10)
ODD_BODIES = [b"", b"{", b"[]", b"null", b"\xff\xfe\x00", b'{"a":' * 3000, b"<a/>", b"Action=", b"Action=CreateUser"]
TARGETS = ["TrentService.CreateKey", "TrentService.Decrypt", "Logs_20140328.PutLogEvents", "Nothing.Here", "", "X"]


def _call(double: Aws, service: str, method: str, path: str, body: bytes, headers: dict[str, str]) -> httpx.Response:
    """A correctly signed request with any body and headers."""
    url = f"{double.url}{path}"
    request = AWSRequest(method=method, url=url, data=body, headers={"host": urlsplit(url).netloc, **headers})
    credentials = Credentials(double.access_key_id, double.secret_access_key)
    SigV4Auth(credentials, service, double.region).add_auth(request)
    return HTTP.request(method, url, headers=dict(request.headers), content=body)


@pytest.mark.parametrize("target", TARGETS)
def test_json_services(double: Aws, target: str) -> None:
    for body in ODD_BODIES:
        for service in ("kms", "logs"):
            answer = _call(double, service, "POST", "/", body, {"x-amz-target": target})
            assert answer.status_code < 500, answer.text
            if answer.status_code != 200:
                assert answer.json()["__type"]


def test_values_of_the_wrong_type(double: Aws) -> None:
    odd = ["null", "1", '"x"', "[]", "{}", "[1]", "true", "-1", "1e400", '"\\u0000"']
    fields = {
        "kms": ["KeyId", "Tags", "Policy", "CiphertextBlob", "Plaintext", "AliasName", "Limit", "EncryptionContext"],
        "logs": ["logGroupName", "logEvents", "tags", "startTime", "limit", "nextToken", "logStreamNames"],
    }
    actions = {
        "kms": ["CreateKey", "Encrypt", "Decrypt", "ListKeys", "CreateAlias", "TagResource", "ScheduleKeyDeletion"],
        "logs": ["CreateLogGroup", "PutLogEvents", "FilterLogEvents", "DescribeLogGroups", "TagResource"],
    }
    prefixes = {"kms": "TrentService", "logs": "Logs_20140328"}
    calls = [
        (service, action, field) for service in actions for action in actions[service] for field in fields[service]
    ]
    for number, (service, action, field) in enumerate(calls):
        for value in (odd[number % len(odd)], odd[(number * 3 + 1) % len(odd)]):
            body, headers = f'{{"{field}": {value}}}'.encode(), {"x-amz-target": f"{prefixes[service]}.{action}"}
            answer = _call(double, service, "POST", "/", body, headers)
            assert answer.status_code < 500, (action, body, answer.text)


def test_query_service(double: Aws) -> None:
    for body in [*ODD_BODIES, b"Action=GetUser&UserName=%00", b"Action=TagUser&UserName=x&Tags.member.1.Key="]:
        answer = _call(double, "iam", "POST", "/", body, {"content-type": "application/x-www-form-urlencoded"})
        assert 400 <= answer.status_code < 500, answer.text


def test_cbor_service(double: Aws) -> None:
    path = "/service/ResourceGroupsTaggingAPI_20170126/operation/GetResources"
    seed = random.Random(1)
    bodies = [b"\x9f" * 100, b"\xbf", b"\xbb" + b"\xff" * 8, b"\x5b" + b"\xff" * 8, b"\xa1\xa0\x01", b"\x01"]
    for body in bodies + [seed.randbytes(40) for _ in range(50)]:
        answer = _call(double, "tagging", "POST", path, body, {"smithy-protocol": "rpc-v2-cbor"})
        assert 400 <= answer.status_code < 500, (body, answer.content)


def test_s3_paths_and_documents(double: Aws) -> None:
    bucket = double.new_bucket()
    expanding = b'<!DOCTYPE a [<!ENTITY b "cccc">]><Delete><Object><Key>&b;</Key></Object></Delete>'
    for body in [*ODD_BODIES, expanding, b"<Delete/>", b"<Delete><Object/></Delete>"]:
        for query in ("delete", "tagging", "versioning", "lifecycle", "encryption", "object-lock", "policy"):
            method = "POST" if query == "delete" else "PUT"
            headers = {"x-amz-content-sha256": "UNSIGNED-PAYLOAD"}
            answer = _call(double, "s3", method, f"/{bucket}?{query}", body, headers)
            assert 400 <= answer.status_code < 500, (query, body, answer.text)
    inside = ("%ff", "?uploads&policy", "k?partNumber=x&uploadId=y", "k" * 1025)
    for path in ("/%00", "/%ff", "/..", *(f"/{bucket}/{rest}" for rest in inside)):
        answer = _call(double, "s3", "PUT", path, b"", {"x-amz-content-sha256": "UNSIGNED-PAYLOAD"})
        assert 400 <= answer.status_code < 500, (path, answer.text)


def test_a_huge_api_body_is_refused(double: Aws) -> None:
    answer = _call(double, "kms", "POST", "/", b"x" * 5_000_000, {"x-amz-target": "TrentService.CreateKey"})
    assert answer.status_code == 413


@pytest.mark.parametrize(
    "data",
    [
        b"\x00\x01\x02\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"PUT /b/k HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"PUT /b/k HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
        b"PUT /b/k HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"PUT /b/k HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\nabc",
        b"PUT /b/k HTTP/1.1\r\nContent-Length: 100\r\n\r\nshort",
        b"GET /" + b"x" * 70_000 + b" HTTP/1.1\r\n\r\n",
        b"BREW / HTTP/1.1\r\n\r\n",
    ],
)
def test_broken_http_ends_the_connection_only(double: Aws, data: bytes) -> None:
    place = urlsplit(double.url)
    with socket.create_connection((place.hostname, place.port), timeout=5) as connection:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
    status = re.match(rb"HTTP/1.1 (\d+)", answer)
    assert status is None or 400 <= int(status[1]) < 500 or int(status[1]) in (501, 505)
    assert httpx.get(f"{double.url}/__health").status_code == 200
