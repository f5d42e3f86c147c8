"""Signature Version 2 in the query string: what boto3 still makes of `generate_presigned_url` unless told otherwise.

Source: S3 API reference, "Signing and authenticating REST requests", query string alternative.
"""

from __future__ import annotations

import base64
import hmac
import time

from .errors import AwsError, access_denied
from .sigv4 import SecretOf
from .web import Request

SUBRESOURCES = {
    "acl", "delete", "legal-hold", "lifecycle", "location", "logging", "object-lock", "partNumber", "policy",
    "retention", "tagging", "uploadId", "uploads", "versionId", "versioning", "versions", "encryption",
    "response-cache-control", "response-content-disposition", "response-content-encoding",
    "response-content-language", "response-content-type", "response-expires",
}  # fmt: skip


def is_presigned(request: Request) -> bool:
    return {"AWSAccessKeyId", "Signature", "Expires"} <= request.query.keys()


def verify(request: Request, secret_of: SecretOf) -> str:
    """The access key id that signed this URL; an expired or altered URL is refused."""
    access_key_id, expires = request.query["AWSAccessKeyId"], request.query["Expires"]
    if not expires.isdigit() or int(expires) < time.time():
        raise access_denied("Request has expired")
    text = _string_to_sign(request, expires)
    expected = base64.b64encode(hmac.digest(secret_of(access_key_id).encode(), text.encode(), "sha1"))
    if not hmac.compare_digest(expected, request.query["Signature"].encode()):
        raise AwsError("SignatureDoesNotMatch", "The signature of this URL does not match.", 403)
    return access_key_id


def _string_to_sign(request: Request, expires: str) -> str:
    amz = {name: value for name, value in request.headers.items() if name.startswith("x-amz-")}
    amz |= {name.lower(): value for name, value in request.query.items() if name.lower().startswith("x-amz-")}
    headers = "".join(f"{name}:{amz[name]}\n" for name in sorted(amz))
    named = sorted((name, value) for name, value in request.query.items() if name in SUBRESOURCES)
    resource = "&".join(f"{name}={value}" if value else name for name, value in named)
    path = request.raw_path + (f"?{resource}" if resource else "")
    md5, media_type = request.header("content-md5"), request.header("content-type")
    return f"{request.method}\n{md5}\n{media_type}\n{expires}\n{headers}{path}"
