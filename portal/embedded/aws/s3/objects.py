"""Writing and deleting objects. Content is complete on disk before the index names it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from ..blobs import Change, Content
from ..errors import AwsError
from ..web import Response
from . import conditions, locks, sealing, versions
from .calls import Call, answer, versioning_under_lock
from .tagging import header_tags

MAX_SIZE = 5 * 1024**3
MAX_METADATA = 2048
KEPT_HEADERS = (
    "content-type", "cache-control", "content-disposition", "content-encoding", "content-language", "expires",
    "x-amz-website-redirect-location",
)  # fmt: skip


@dataclass(frozen=True)
class Gone:
    """What a delete did to one key."""

    key: str
    version_id: str
    marker_id: str = ""  # of the marker that was made or removed


def put(call: Call) -> Response:
    """Stores the body as the new current version, or nothing at all."""
    columns = new_columns(call)
    check_size(call.request.length, call.header("x-amz-decoded-content-length"))
    key = sealing.new_key(call, columns["encryption"])
    payload = call.payload()
    with call.account.blobs.written(payload, key.plain) as content:
        etag = payload.md5.hex()
        columns |= {"data_key": key.wrapped, "etag": etag}
        if payload.algorithm:
            columns["checksum"] = f"{payload.algorithm} {payload.checksum} FULL_OBJECT"
        added = commit(call, columns, content)
    return Response(200, {"ETag": f'"{etag}"', **result_headers(call, columns, added)})


def new_columns(call: Call) -> dict[str, Any]:
    """Everything the headers say about a new version."""
    tags = header_tags(call)
    if tags:
        call.require("s3:PutObjectTagging")
    return {
        "encryption": sealing.chosen(call),
        "headers": json.dumps(kept_headers(call)),
        "tags": json.dumps(tags),
        **locks.new_columns(call),
    }


def kept_headers(call: Call) -> dict[str, str]:
    kept = {name: call.header(name) for name in KEPT_HEADERS if call.header(name)}
    if "content-encoding" in kept:
        encodings = [item.strip() for item in kept["content-encoding"].split(",")]
        kept["content-encoding"] = ",".join(item for item in encodings if item != "aws-chunked")
    metadata = {name: value for name, value in call.request.headers.items() if name.startswith("x-amz-meta-")}
    if sum(len(name) - 11 + len(value) for name, value in metadata.items()) > MAX_METADATA:
        raise AwsError("MetadataTooLarge", "Your metadata headers exceed the maximum allowed metadata size")
    return {**{name: value for name, value in kept.items() if value}, **metadata}


def check_size(length: int | None, decoded: str) -> None:
    size = int(decoded) if decoded.isdigit() else length or 0
    if size > MAX_SIZE:
        raise AwsError("EntityTooLarge", "Your proposed upload exceeds the maximum allowed size")


def commit(call: Call, columns: dict[str, Any], content: Content) -> versions.Added:
    """Conditions, then content and index row together."""
    with call.account.blobs.change() as db:
        conditions.check_write(call, db)
        return add(call, db, columns, content)


def add(call: Call, db: Change, columns: dict[str, Any], content: Content) -> versions.Added:
    db.keep(content)
    place = {"blob": content.name, "size": content.size}
    return versions.add(db, call.bucket.name, call.key, {**columns, **place})


def result_headers(call: Call, columns: dict[str, Any], added: versions.Added) -> dict[str, str]:
    headers = sealing.headers(columns["encryption"])
    if call.bucket.versioning:
        headers["x-amz-version-id"] = added.version_id
    if columns.get("checksum"):
        algorithm, value, kind = columns["checksum"].split(" ")
        headers |= {f"x-amz-checksum-{algorithm}": value, "x-amz-checksum-type": kind}
    return headers


def delete(call: Call) -> Response:
    """With a version id that version goes for good; without one a marker hides the key (or the null version goes)."""
    version_id = call.query.get("versionId", "")
    call.require("s3:DeleteObjectVersion" if version_id else "s3:DeleteObject")
    bypass = locks.may_bypass(call, call.key)
    with call.account.blobs.change() as db:
        if call.header("if-match"):
            conditions.check_write(call, db)
        gone = delete_one(call, db, call.key, version_id, bypass)
    headers = {"x-amz-version-id": gone.marker_id or version_id} if gone.marker_id or version_id else {}
    if gone.marker_id:
        headers["x-amz-delete-marker"] = "true"
    return Response(204, headers)


def delete_many(call: Call) -> Response:
    """Up to 1,000 keys in one transaction; each that may not go is named with its own error."""
    root = call.xml("Delete")
    wanted = [(item.findtext("Key", ""), item.findtext("VersionId", "")) for item in root.findall("Object")]
    if not 0 < len(wanted) <= 1000 or not all(key for key, _ in wanted):
        raise AwsError("MalformedXML", "Give 1 to 1000 objects, each with a Key.")
    done: list[Gone] = []
    errors: list[dict[str, str]] = []
    with call.account.blobs.change() as db:
        for key, version_id in wanted:
            try:
                call.require("s3:DeleteObjectVersion" if version_id else "s3:DeleteObject", key)
                done.append(delete_one(call, db, key, version_id, locks.may_bypass(call, key)))
            except AwsError as error:
                shown = {"Key": key, "VersionId": version_id, "Code": error.code, "Message": error.message}
                errors.append({name: value for name, value in shown.items() if value or name == "Key"})
    quiet = root.findtext("Quiet", "").lower() == "true"
    return answer("DeleteResult", {"Deleted": [] if quiet else [_shown(gone) for gone in done], "Error": errors})


def delete_one(call: Call, db: Change, key: str, version_id: str, bypass: bool) -> Gone:
    bucket = call.bucket.name
    if not version_id:
        return _hide(db, call, key)
    row = versions.lookup_under_lock(db, bucket, key, version_id)
    if row is None:
        return Gone(key, version_id)
    locks.require_unlocked(row, bypass)
    versions.remove(db, row)
    return Gone(key, version_id, row["version_id"] if row["is_marker"] else "")


def _hide(db: Change, call: Call, key: str) -> Gone:
    bucket = call.bucket.name
    if versioning_under_lock(db, bucket):
        return Gone(key, "", versions.add(db, bucket, key, {"is_marker": 1}).version_id)
    if row := versions.current(db, bucket, key):
        versions.remove(db, row)
    return Gone(key, "")


def _shown(gone: Gone) -> dict[str, Any]:
    shown: dict[str, Any] = {"Key": gone.key}
    if gone.version_id:
        shown["VersionId"] = gone.version_id
    if gone.marker_id:
        shown |= {"DeleteMarker": True, "DeleteMarkerVersionId": gone.marker_id}
    return shown
