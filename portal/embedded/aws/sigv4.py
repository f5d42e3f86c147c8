"""Signature Version 4: who signed this request, and was anything in it changed since.

Source: AWS "Signature Version 4 signing process" and, for streamed bodies, the S3 API reference "sigv4-streaming".
"""

from __future__ import annotations

import hashlib
import hmac
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from urllib.parse import quote, unquote

from .errors import AwsError, access_denied
from .web import Request

ALGORITHM = "AWS4-HMAC-SHA256"
MAX_SKEW_SECONDS = 15 * 60
MAX_PRESIGN_SECONDS = 7 * 24 * 3600
GLOBAL_SERVICES = {"iam", "sts", "route53"}  # signed for us-east-1 wherever the caller is

SecretOf = Callable[[str], str]


@dataclass(frozen=True)
class Credential:
    access_key_id: str
    date: str
    region: str
    service: str

    @property
    def scope(self) -> str:
        return f"{self.date}/{self.region}/{self.service}/aws4_request"


@dataclass(frozen=True)
class Signature:
    """A verified signature; `key` and `value` are the seed for the signatures of a streamed body's chunks."""

    credential: Credential
    timestamp: str
    key: bytes
    value: str
    payload_hash: str


def credential_of(request: Request) -> Credential | None:
    """The claimed credential of a V4 request, not yet verified; None when it carries none."""
    text = request.query.get("X-Amz-Credential") or _authorization(request).get("Credential")
    if not text:
        return None
    parts = text.rsplit("/", 4)
    if len(parts) != 5 or parts[4] != "aws4_request" or not all(parts):
        raise AwsError("AuthorizationHeaderMalformed", "The credential is not ID/date/region/service/aws4_request.")
    return Credential(*parts[:4])


def verify(request: Request, secret_of: SecretOf, region: str) -> Signature:
    """Checks region, date and signature of a header-signed or presigned V4 request."""
    credential = credential_of(request)
    if credential is None:
        raise access_denied("The request is not signed.")
    _check_region(credential, region)
    presigned = "X-Amz-Signature" in request.query
    timestamp, signed, claimed = _presigned_parts(request) if presigned else _header_parts(request)
    payload_hash = _payload_hash(request, credential, presigned)
    if not timestamp.startswith(credential.date):
        raise AwsError("SignatureDoesNotMatch", "The credential's date is not the request's date.", 403)
    key = signing_key(secret_of(credential.access_key_id), credential)
    canonical = canonical_request(request, signed, payload_hash, double_encode=credential.service != "s3")
    value = sign(key, string_to_sign(timestamp, credential.scope, canonical))
    if not hmac.compare_digest(value, claimed):
        raise AwsError(
            "SignatureDoesNotMatch",
            "The request signature we calculated does not match the signature you provided. "
            "Check your key and signing method.",
            403,
            AWSAccessKeyId=credential.access_key_id,
            StringToSign=string_to_sign(timestamp, credential.scope, canonical),
        )
    return Signature(credential, timestamp, key, value, payload_hash)


@lru_cache(maxsize=512)
def signing_key(secret: str, credential: Credential) -> bytes:
    key = ("AWS4" + secret).encode()
    for part in (credential.date, credential.region, credential.service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key


def sign(key: bytes, text: str) -> str:
    return hmac.digest(key, text.encode(), "sha256").hex()


def string_to_sign(timestamp: str, scope: str, canonical: str) -> str:
    return f"{ALGORITHM}\n{timestamp}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"


def canonical_request(request: Request, signed: list[str], payload_hash: str, double_encode: bool) -> str:
    path = quote(unquote(request.raw_path), safe="/-_.~")
    if double_encode:
        path = quote(path, safe="/-_.~")
    headers = "".join(f"{name}:{request.header(name)}\n" for name in signed)
    return "\n".join([request.method, path, _canonical_query(request), headers, ";".join(signed), payload_hash])


def parse_timestamp(text: str) -> float:
    try:
        return datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()
    except ValueError as error:
        raise access_denied("X-Amz-Date must be YYYYMMDDTHHMMSSZ.") from error


def _canonical_query(request: Request) -> str:
    pairs = []
    for part in filter(None, request.raw_query.split("&")):
        name, _, value = part.partition("=")
        name, value = unquote(name), unquote(value)
        if name != "X-Amz-Signature":
            pairs.append((quote(name, safe="-_.~"), quote(value, safe="-_.~")))
    return "&".join(f"{name}={value}" for name, value in sorted(pairs))


def _authorization(request: Request) -> dict[str, str]:
    text = request.header("authorization")
    if not text.startswith(ALGORITHM):
        return {}
    return dict(re.findall(r"(Credential|SignedHeaders|Signature)=([^,\s]+)", text))


def _payload_hash(request: Request, credential: Credential, presigned: bool) -> str:
    """S3 announces the hash and checks it when the body arrives; the other services' bodies are read here."""
    if credential.service != "s3":
        return hashlib.sha256(request.body()).hexdigest()
    announced = request.header("x-amz-content-sha256")
    if not announced and not presigned:
        raise AwsError("InvalidRequest", "Missing required header for this request: x-amz-content-sha256")
    return announced or "UNSIGNED-PAYLOAD"


def _check_region(credential: Credential, region: str) -> None:
    if credential.service not in GLOBAL_SERVICES and credential.region != region:
        raise AwsError(
            "AuthorizationHeaderMalformed",
            f"The authorization is malformed; the region '{credential.region}' is wrong; expecting '{region}'.",
            400,
            Region=region,
        )


def _header_parts(request: Request) -> tuple[str, list[str], str]:
    fields = _authorization(request)
    if not {"SignedHeaders", "Signature"} <= fields.keys():
        raise AwsError("AuthorizationHeaderMalformed", "The authorization header lacks SignedHeaders or Signature.")
    timestamp = request.header("x-amz-date")
    if abs(time.time() - parse_timestamp(timestamp)) > MAX_SKEW_SECONDS:
        raise AwsError("RequestTimeTooSkewed", "The request's time and the server's differ too much.", 403)
    signed = fields["SignedHeaders"].lower().split(";")
    _check_signed(request, signed)
    return timestamp, signed, fields["Signature"]


def _check_signed(request: Request, signed: list[str]) -> None:
    unsigned = [name for name in request.headers if name.startswith("x-amz-") and name not in signed]
    if "host" not in signed or unsigned:
        raise access_denied(f"There were headers present in the request which were not signed: {unsigned or ['host']}")


def _presigned_parts(request: Request) -> tuple[str, list[str], str]:
    query = request.query
    if query.get("X-Amz-Algorithm") != ALGORITHM:
        raise AwsError("AuthorizationQueryParametersError", "X-Amz-Algorithm must be AWS4-HMAC-SHA256.")
    timestamp, expires = query.get("X-Amz-Date", ""), query.get("X-Amz-Expires", "")
    if not expires.isdigit() or not 0 < int(expires) <= MAX_PRESIGN_SECONDS:
        raise AwsError("AuthorizationQueryParametersError", "X-Amz-Expires must be between 1 and 604800 seconds.")
    age = time.time() - parse_timestamp(timestamp)
    if age > int(expires):
        raise access_denied("Request has expired")
    if age < -MAX_SKEW_SECONDS:
        raise access_denied("Request is not yet valid")
    signed = query.get("X-Amz-SignedHeaders", "").lower().split(";")
    if "host" not in signed:
        raise AwsError("AuthorizationQueryParametersError", "X-Amz-SignedHeaders must contain host.")
    return timestamp, signed, query["X-Amz-Signature"]
