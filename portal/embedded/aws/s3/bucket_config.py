"""Bucket settings kept as the XML or JSON they came as, each checked before it is stored."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from .. import kms, policy, xml
from ..errors import AwsError, access_denied
from ..web import Response
from .calls import Call, answer, public_access
from .tagging import parse_tags

XML_TYPE = {"Content-Type": "application/xml"}


@dataclass(frozen=True)
class Setting:
    """A subresource: its root element, the actions that read and write it, and what a missing one answers."""

    root: str
    action: str
    missing: tuple[str, str] | None  # error code and message, or None for an empty document
    check: Callable[[Call, Element], None] = lambda call, root: None
    writable: bool = True


def operations() -> dict[tuple[str, str], tuple[Callable[[Call], Response], str]]:
    """GET, PUT and DELETE of every setting, for the routes."""
    table: dict[tuple[str, str], tuple[Callable[[Call], Response], str]] = {}
    for kind, setting in SETTINGS.items():
        table["GET", kind] = (_reader(kind, setting), f"s3:Get{setting.action}")
        if setting.writable:
            table["PUT", kind] = (_writer(kind, setting), f"s3:Put{setting.action}")
            table["DELETE", kind] = (_remover(kind), f"s3:Put{setting.action}")
    return table


def get_policy(call: Call) -> Response:
    _require_policy_access(call, "s3:GetBucketPolicy")
    document = call.bucket.config.get("policy")
    if document is None:
        raise AwsError("NoSuchBucketPolicy", "The bucket policy does not exist", 404, BucketName=call.bucket.name)
    return Response(200, {"Content-Type": "application/json"}, document.encode())


def put_policy(call: Call) -> Response:
    """Stores a checked policy; a public one is refused while the bucket blocks public policies."""
    _require_policy_access(call, "s3:PutBucketPolicy")
    text = call.body().decode("utf-8", "replace")
    try:
        document = policy.parse(text, needs_principal=True)
    except AwsError as error:
        raise AwsError("MalformedPolicy", error.message) from error
    _check_policy_resources(call, document)
    if public_access(call.bucket)["BlockPublicPolicy"] and policy.is_public(document):
        raise access_denied("Public policies are prevented by the BlockPublicPolicy setting of this bucket.")
    store(call, "policy", text)
    return Response(204)


def delete_policy(call: Call) -> Response:
    _require_policy_access(call, "s3:DeleteBucketPolicy")
    return _remover("policy")(call)


def policy_status(call: Call) -> Response:
    document = call.bucket.config.get("policy")
    if document is None:
        raise AwsError("NoSuchBucketPolicy", "The bucket policy does not exist", 404, BucketName=call.bucket.name)
    return answer("PolicyStatus", {"IsPublic": policy.is_public(json.loads(document))})


def get_acl(call: Call) -> Response:
    """ACLs are off (BucketOwnerEnforced); what is read says that the owner has full control."""
    owner = {"ID": call.account.id}
    body = xml.document("AccessControlPolicy", {"Owner": owner, "AccessControlList": {"Grant": "@"}})
    grantee = (
        '<Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="CanonicalUser">'
        f"<ID>{call.account.id}</ID></Grantee><Permission>FULL_CONTROL</Permission>"
    )
    return Response(200, dict(XML_TYPE), body.replace(b"@", grantee.encode()))


def put_acl(call: Call) -> Response:
    raise AwsError("AccessControlListNotSupported", "The bucket does not allow ACLs")


def store(call: Call, kind: str, body: str) -> None:
    with call.account.store.write() as db:
        _require_bucket(db, call.bucket.name)
        db.execute("INSERT OR REPLACE INTO bucket_config VALUES (?, ?, ?)", (call.bucket.name, kind, body))


def _reader(kind: str, setting: Setting) -> Callable[[Call], Response]:
    def read(call: Call) -> Response:
        body = call.bucket.config.get(kind)
        if body is not None:
            return Response(200, dict(XML_TYPE), xml.HEADER + body.encode())
        if setting.missing is None:
            return answer(setting.root, {"Payer": "BucketOwner"} if kind == "requestPayment" else {})
        raise AwsError(*setting.missing, 404, BucketName=call.bucket.name)

    return read


def _writer(kind: str, setting: Setting) -> Callable[[Call], Response]:
    def write(call: Call) -> Response:
        text = call.body().decode("utf-8", "replace")
        root = xml.read(text.encode())
        if root.tag != setting.root:
            raise AwsError("MalformedXML", f"Expected <{setting.root}>.")
        setting.check(call, root)
        store(call, kind, text.partition("?>")[2] if text.lstrip().startswith("<?xml") else text)
        return Response(204 if kind == "tagging" else 200)

    return write


def _remover(kind: str) -> Callable[[Call], Response]:
    def remove(call: Call) -> Response:
        with call.account.store.write() as db:
            db.execute("DELETE FROM bucket_config WHERE bucket = ? AND kind = ?", (call.bucket.name, kind))
        return Response(204)

    return remove


def _require_policy_access(call: Call, action: str) -> None:
    """The account's root can always mend a bucket policy that shuts everybody out."""
    if not call.caller.is_root:
        call.require(action)


def _check_policy_resources(call: Call, document: dict[str, object]) -> None:
    prefix = f"arn:aws:s3:::{call.bucket.name}"
    for statement in policy.statements(document):
        named = statement.get("Resource", statement.get("NotResource"))
        for resource in named if isinstance(named, list) else [named]:
            if not (resource in (prefix, "*") or str(resource).startswith(f"{prefix}/")):
                raise AwsError("MalformedPolicy", "Policy has invalid resource")


def _require_bucket(db: sqlite3.Connection, name: str) -> None:
    if db.execute("SELECT 1 FROM buckets WHERE name = ?", (name,)).fetchone() is None:
        raise AwsError("NoSuchBucket", "The specified bucket does not exist", 404, BucketName=name)


def _check_tags(call: Call, root: Element) -> None:
    parse_tags(root, 50)


def _check_encryption(call: Call, root: Element) -> None:
    rule = root.find("Rule/ApplyServerSideEncryptionByDefault")
    if rule is None or rule.findtext("SSEAlgorithm") not in ("AES256", "aws:kms"):
        raise AwsError("MalformedXML", "SSEAlgorithm must be AES256 or aws:kms.")
    if key := rule.findtext("KMSMasterKeyID"):
        if rule.findtext("SSEAlgorithm") == "AES256":
            raise AwsError("InvalidArgument", "a KMSMasterKeyID is not applicable if SSEAlgorithm is AES256")
        try:
            kms.find(call.account, key)
        except AwsError as error:
            raise AwsError("KMS.NotFoundException", error.message) from error


def _check_lifecycle(call: Call, root: Element) -> None:
    rules = root.findall("Rule")
    if not 0 < len(rules) <= 1000 or any(rule.findtext("Status") not in ("Enabled", "Disabled") for rule in rules):
        raise AwsError("MalformedXML", "A lifecycle has 1 to 1000 rules, each Enabled or Disabled.")


def _check_ownership(call: Call, root: Element) -> None:
    wanted = root.findtext("Rule/ObjectOwnership")
    if wanted != "BucketOwnerEnforced":
        raise AwsError("InvalidArgument", "The AWS double has no ACLs: ObjectOwnership must be BucketOwnerEnforced.")


def _check_logging(call: Call, root: Element) -> None:
    enabled = root.find("LoggingEnabled")
    if enabled is None:
        return
    target = enabled.findtext("TargetBucket", "")
    if call.account.store.one("SELECT 1 FROM buckets WHERE name = ?", target) is None:
        raise AwsError("InvalidTargetBucketForLogging", "The target bucket for logging does not exist")


SETTINGS = {
    "tagging": Setting("Tagging", "BucketTagging", ("NoSuchTagSet", "The TagSet does not exist"), _check_tags),
    "encryption": Setting(
        "ServerSideEncryptionConfiguration", "EncryptionConfiguration",
        ("ServerSideEncryptionConfigurationNotFoundError", "The server side encryption configuration was not found"),
        _check_encryption,
    ),
    "publicAccessBlock": Setting(
        "PublicAccessBlockConfiguration", "BucketPublicAccessBlock",
        ("NoSuchPublicAccessBlockConfiguration", "The public access block configuration was not found"),
    ),
    "lifecycle": Setting(
        "LifecycleConfiguration", "LifecycleConfiguration",
        ("NoSuchLifecycleConfiguration", "The lifecycle configuration does not exist"), _check_lifecycle,
    ),
    "ownershipControls": Setting(
        "OwnershipControls", "BucketOwnershipControls",
        ("OwnershipControlsNotFoundError", "The bucket ownership controls were not found"), _check_ownership,
    ),
    "logging": Setting("BucketLoggingStatus", "BucketLogging", None, _check_logging),
    "cors": Setting(
        "CORSConfiguration", "BucketCORS", ("NoSuchCORSConfiguration", "The CORS configuration does not exist"),
        writable=False,
    ),
    "website": Setting(
        "WebsiteConfiguration", "BucketWebsite",
        ("NoSuchWebsiteConfiguration", "The specified bucket does not have a website configuration"), writable=False,
    ),
    "replication": Setting(
        "ReplicationConfiguration", "ReplicationConfiguration",
        ("ReplicationConfigurationNotFoundError", "The replication configuration was not found"), writable=False,
    ),
    "accelerate": Setting("AccelerateConfiguration", "AccelerateConfiguration", None, writable=False),
    "requestPayment": Setting("RequestPaymentConfiguration", "BucketRequestPayment", None, writable=False),
    "notification": Setting("NotificationConfiguration", "BucketNotification", None, writable=False),
}  # fmt: skip
