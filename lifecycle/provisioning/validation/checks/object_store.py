"""The tenant reaches its own bucket and no other, nobody else reaches it, and it is kept as required."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

from botocore.exceptions import ClientError

from lifecycle.provisioning.validation import http, presigned, transport, versions
from lifecycle.provisioning.validation.bucket_state import judge as judge_state
from lifecycle.provisioning.validation.canary import OBJECT, canary_of
from lifecycle.provisioning.validation.findings import CouldNotRun, Findings
from lifecycle.provisioning.validation.s3 import as_tenant, endpoint
from lifecycle.provisioning.validation.target import Binding, Target
from lifecycle.stores import aws

PREFIX = "bw-validation/"
DENIED = (401, 403)


def run(target: Target, found: Findings) -> None:
    transport.url(target, found, "objects", endpoint(target.region))
    neighbour = canary_of(target.region, target.secrets_dir)
    key, body = f"{PREFIX}{uuid4().hex}", uuid4().bytes
    try:
        mine, theirs = as_tenant(target.region, target.binding), as_tenant(target.region, neighbour)
        _own(target, found, mine, key, body)
        _foreign(found, mine, neighbour.bucket, OBJECT, "tenant in the canary's bucket")
        _foreign(found, theirs, target.binding.bucket, key, "canary in the tenant's bucket")
        _outside(target, found, target.binding, key, body)
        _delete(target, found, mine, key)
        judge_state(target, found)
    finally:
        left = versions.purge(target.region, target.binding.bucket, PREFIX)
        strays = versions.purge(target.region, neighbour.bucket, f"{PREFIX}stray-")
    found.expect(left == 0, "own object, its versions and markers removed", f"{left} versions of the check are left")
    found.expect(strays == 0, "nothing left with the canary", f"{strays} objects are left in the canary's bucket")
    found.headline = "own objects only; other tenant, anonymous and expired links refused; kept as required"


def _own(target: Target, found: Findings, s3: Any, key: str, body: bytes) -> None:
    try:
        s3.put_object(Bucket=target.binding.bucket, Key=key, Body=body)
        answer = s3.get_object(Bucket=target.binding.bucket, Key=key)
    except ClientError as error:
        raise CouldNotRun(f"the tenant cannot use its own bucket: {error}") from error
    found.expect(answer["Body"].read() == body, "own put and get", "the object read is not the one written")
    found.measured["object"] = {
        "version": answer.get("VersionId", ""),
        "encryption": answer.get("ServerSideEncryption", ""),
    }


def _foreign(found: Findings, s3: Any, bucket: str, key: str, who: str) -> None:
    stray = f"{PREFIX}stray-{uuid4().hex}"
    tries: dict[str, Callable[[], object]] = {
        "GET": lambda: s3.get_object(Bucket=bucket, Key=key),
        "HEAD": lambda: s3.head_object(Bucket=bucket, Key=key),
        "LIST": lambda: s3.list_objects_v2(Bucket=bucket, MaxKeys=1),
        "PUT": lambda: s3.put_object(Bucket=bucket, Key=stray, Body=b"stray"),
        "DELETE": lambda: s3.delete_object(Bucket=bucket, Key=stray),
        "POLICY": lambda: s3.get_bucket_policy(Bucket=bucket),
    }
    for verb, call in tries.items():
        try:
            call()
        except ClientError as error:
            status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
            if status in DENIED:
                found.held(f"{verb} by the {who}: {status}")
            else:
                found.unseen(f"{verb} by the {who}: neither refused nor done: {status} {aws.code(error)}")
        else:
            found.wrong(f"{verb} by the {who} was allowed")


def _outside(target: Target, found: Findings, binding: Binding, key: str, body: bytes) -> None:
    """Without credentials nothing; with a presigned link its own object, until it expires."""
    bucket = f"{endpoint(target.region)}/{binding.bucket}"
    address, name = f"{bucket}/{key}", target.region.name
    valid = presigned.get_url(binding, name, address, seconds=60)
    links = {
        "anonymous GET": address,
        "anonymous LIST": f"{bucket}?list-type=2",
        "expired link": presigned.get_url(binding, name, address, seconds=60, ago=timedelta(minutes=10)),
        "link moved to another object": valid.replace(key, f"{key}-other"),
        "link with a longer life written in": valid.replace("X-Amz-Expires=60", "X-Amz-Expires=86400"),
    }
    with http.client() as client:
        answer = client.get(valid)
        if answer.status_code == 200 and answer.content == body:
            found.held("presigned link serves its own object")
        else:
            found.unseen(f"a presigned link is not served: {answer.status_code}")
        for what, link in links.items():
            status = client.get(link).status_code
            if status in DENIED:
                found.held(f"{what}: {status}")
            elif status < 400:
                found.wrong(f"{what} was served with {status}")
            else:
                found.unseen(f"{what}: neither refused nor served: {status}")


def _delete(target: Target, found: Findings, s3: Any, key: str) -> None:
    s3.delete_object(Bucket=target.binding.bucket, Key=key)
    listed = s3.list_objects_v2(Bucket=target.binding.bucket, Prefix=key).get("KeyCount", 0)
    found.expect(listed == 0, "own delete", "the tenant's own delete left the object listed")
