"""The data key of each object: made on write, wrapped by the bucket's KMS key or the service's own, opened on read.

`encryption` in the index is '' for SSE-S3 (AES256), else the ARN of the KMS key.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from functools import lru_cache

from .. import kms, xml
from ..errors import AwsError, access_denied, not_implemented
from .calls import Call

SERVICE_KEY = "service-s3"
PREFIX = "x-amz-server-side-encryption"
MANAGED_ALIAS = "alias/aws/s3"


@dataclass(frozen=True)
class DataKey:
    plain: bytes
    wrapped: bytes


def chosen(call: Call) -> str:
    """What encrypts a new object: the request's headers, else the bucket's default."""
    if any(name.startswith(f"{PREFIX}-customer-") for name in call.request.headers):
        raise not_implemented("encryption with customer-provided keys (SSE-C)")
    algorithm, key = call.header(PREFIX), call.header(f"{PREFIX}-aws-kms-key-id")
    if not algorithm:
        algorithm, key = _bucket_default(call.bucket.config.get("encryption", ""))
    if algorithm == "AES256":
        return ""
    if algorithm != "aws:kms":
        raise AwsError("InvalidArgument", "The encryption method specified is not supported")
    return call.account.arn("kms", MANAGED_ALIAS) if not key else _key_arn(call, key)


def new_key(call: Call, encryption: str) -> DataKey:
    plain = secrets.token_bytes(32)
    name = _wrapping_key(call, encryption, "GenerateDataKey")
    return DataKey(plain, call.account.keyring.wrap(name, plain))


def open_key(call: Call, encryption: str, wrapped: bytes) -> bytes:
    name = _wrapping_key(call, encryption, "Decrypt")
    return call.account.keyring.unwrap(name, bytes(wrapped))


def headers(encryption: str) -> dict[str, str]:
    if not encryption:
        return {PREFIX: "AES256"}
    return {PREFIX: "aws:kms", f"{PREFIX}-aws-kms-key-id": encryption}


def _wrapping_key(call: Call, encryption: str, action: str) -> str:
    """The key's name in the keyring, after the checks KMS makes on behalf of S3."""
    if not encryption or encryption.endswith(MANAGED_ALIAS):
        call.account.keyring.ensure(SERVICE_KEY)
        return SERVICE_KEY
    try:
        row = kms.find(call.account, encryption)
        if not call.caller.is_anonymous:
            kms.require_use(call.account, call.caller, row, action)
        kms.require_enabled(call.account, row)
    except AwsError as error:
        raise _as_s3(error) from error
    if call.caller.is_anonymous:
        raise access_denied()
    return str(row["id"])


def _key_arn(call: Call, reference: str) -> str:
    try:
        return kms.arn_of(call.account, kms.find(call.account, reference)["id"])
    except AwsError as error:
        raise _as_s3(error) from error


def _as_s3(error: AwsError) -> AwsError:
    if error.code == "AccessDeniedException":
        return access_denied(error.message)
    return AwsError(f"KMS.{error.code}", error.message)


@lru_cache(maxsize=256)
def _bucket_default(text: str) -> tuple[str, str]:
    if not text:
        return "AES256", ""
    rule = xml.read(text.encode()).find("Rule/ApplyServerSideEncryptionByDefault")
    if rule is None:
        return "AES256", ""
    return rule.findtext("SSEAlgorithm", "AES256"), rule.findtext("KMSMasterKeyID", "")
