"""One S3 request on its way: the caller, the bucket it names, and the checks every operation shares."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import formatdate
from functools import cached_property
from typing import TYPE_CHECKING, Any
from xml.etree.ElementTree import Element

from .. import access, policy, xml
from ..access import Caller, Guarded
from ..blobs import Change
from ..errors import AwsError, access_denied
from ..payload import Payload
from ..sigv4 import Signature
from ..web import API_BODY_LIMIT, Request, Response

if TYPE_CHECKING:
    from ..account import Account

NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"


@dataclass(frozen=True)
class Bucket:
    name: str
    created_at: int
    versioning: str  # "", "Enabled" or "Suspended"
    lock_enabled: bool
    config: dict[str, str]


@dataclass
class Call:
    """The request with everything resolved; `bucket` raises NoSuchBucket when it is first touched."""

    account: Account
    request: Request
    caller: Caller
    signature: Signature | None
    bucket_name: str
    key: str

    @cached_property
    def bucket(self) -> Bucket:
        return load_bucket(self.account, self.bucket_name)

    @property
    def query(self) -> dict[str, str]:
        return self.request.query

    def header(self, name: str, default: str = "") -> str:
        return self.request.header(name, default)

    def payload(self) -> Payload:
        return Payload(self.request, self.signature)

    def body(self) -> bytes:
        """A small (XML or JSON) body, verified like an upload."""
        whole = bytearray()
        for piece in self.payload():
            whole += piece
            if len(whole) > API_BODY_LIMIT:
                raise AwsError("MaxMessageLengthExceeded", "Your request was too big.")
        return bytes(whole)

    def xml(self, root: str) -> Element:
        element = xml.read(self.body())
        if element.tag != root:
            raise AwsError("MalformedXML", f"Expected <{root}>.")
        return element

    @property
    def arn(self) -> str:
        return object_arn(self.bucket_name, self.key) if self.key else f"arn:aws:s3:::{self.bucket_name}"

    def require(self, action: str, key: str | None = None, **context: str) -> None:
        """S3's access check: bucket policy and identity policies together; a plain AccessDenied otherwise."""
        if not self.allows(action, key, **context):
            raise access_denied(
                f"User: {self.caller.arn} is not authorized to perform: {action} on resource: "
                f'"{object_arn(self.bucket_name, key) if key else self.arn}"'
            )

    def allows(self, action: str, key: str | None = None, **context: str) -> bool:
        document = self.bucket.config.get("policy", "") if self.bucket_name else ""
        if self.caller.is_anonymous and (not document or self._restricts_public(document)):
            return False
        resource = object_arn(self.bucket_name, key) if key else self.arn
        context = {name.replace("__", ":"): value for name, value in context.items()}
        return access.is_allowed(self.account, self.caller, Guarded(action, resource, document, context))

    def _restricts_public(self, document: str) -> bool:
        return public_access(self.bucket)["RestrictPublicBuckets"] and policy.is_public(json.loads(document))


def load_bucket(account: Account, name: str) -> Bucket:
    row = account.store.one("SELECT * FROM buckets WHERE name = ?", name)
    if row is None:
        raise no_such_bucket(name)
    config = account.store.all("SELECT kind, body FROM bucket_config WHERE bucket = ?", name)
    bodies = {item["kind"]: item["body"] for item in config}
    return Bucket(row["name"], row["created_at"], row["versioning"], bool(row["lock_enabled"]), bodies)


def no_such_bucket(name: str) -> AwsError:
    return AwsError("NoSuchBucket", "The specified bucket does not exist", 404, BucketName=name)


def versioning_under_lock(db: Change, bucket: str) -> str:
    """The bucket's versioning as of this transaction; a bucket deleted meanwhile is gone for the writer too."""
    row = db.execute("SELECT versioning FROM buckets WHERE name = ?", (bucket,)).fetchone()
    if row is None:
        raise no_such_bucket(bucket)
    return str(row["versioning"])


def public_access(bucket: Bucket) -> dict[str, bool]:
    """The four switches; without a configuration all are off."""
    names = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
    text = bucket.config.get("publicAccessBlock", "")
    root = xml.read(text.encode()) if text else None
    return {name: root is not None and root.findtext(name, "false") == "true" for name in names}


def object_arn(bucket: str, key: str | None) -> str:
    return f"arn:aws:s3:::{bucket}/{key}"


def answer(tag: str, value: dict[str, Any], **headers: str) -> Response:
    body = xml.document(tag, value, NAMESPACE)
    return Response(200, {"Content-Type": "application/xml", **headers}, body)


def iso(milliseconds: int) -> str:
    """The form S3 uses in XML: whole seconds, three zeros."""
    return datetime.fromtimestamp(milliseconds // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def http_date(milliseconds: int) -> str:
    return formatdate(milliseconds // 1000, usegmt=True)


def parse_iso(text: str) -> int:
    try:
        parsed = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise AwsError("InvalidArgument", f"{text[:64]} is not an ISO 8601 date.") from error
    return int((parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp() * 1000)
