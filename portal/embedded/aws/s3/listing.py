"""Listings in key order: what is deleted while a client pages neither shifts nor repeats the pages that follow."""

from __future__ import annotations

import base64
import binascii
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from ..errors import AwsError
from ..web import Response
from . import versions
from .calls import Call, answer, iso

MAX_KEYS = 1000
LAST = "\U0010ffff"  # sorts after every character a key can hold
BATCH = 1001

# Rows after a position: (key, seq) for versions, (key, 0) for current objects.
Fetch = Callable[[str, int, int], list[sqlite3.Row]]


@dataclass
class Page:
    rows: list[sqlite3.Row] = field(default_factory=list)
    prefixes: list[str] = field(default_factory=list)
    truncated: bool = False
    last_key: str = ""  # where the next page starts: the last key or common prefix shown
    last_version: str = ""

    def count(self) -> int:
        return len(self.rows) + len(self.prefixes)


def list_objects_v2(call: Call) -> Response:
    _require(call, "s3:ListBucket")
    token = call.query.get("continuation-token")
    after = _decode(token) if token is not None else call.query.get("start-after", "")
    page = _current(call, after)
    encode = _encoder(call)
    result = {
        **_common(call, page, encode), "KeyCount": page.count(), "ContinuationToken": token,
        "StartAfter": encode(call.query["start-after"]) if "start-after" in call.query else None,
        "NextContinuationToken": _encode(page.last_key) if page.truncated else None,
    }  # fmt: skip
    return answer("ListBucketResult", result)


def list_objects(call: Call) -> Response:
    _require(call, "s3:ListBucket")
    page, encode = _current(call, call.query.get("marker", "")), _encoder(call)
    result = {
        **_common(call, page, encode), "Marker": encode(call.query.get("marker", "")),
        "NextMarker": encode(page.last_key) if page.truncated else None,
    }  # fmt: skip
    return answer("ListBucketResult", result)


def list_versions(call: Call) -> Response:
    """Versions and markers, newest first within a key."""
    _require(call, "s3:ListBucketVersions")
    key, version = call.query.get("key-marker", ""), call.query.get("version-id-marker", "")
    if version and not key:
        raise AwsError("InvalidArgument", "A version-id marker cannot be specified without a key marker.")
    page = _page(call, _versions_after(call), key, _seq_after(call, key, version))
    encode = _encoder(call)
    shown = [(row["is_marker"], _shown_version(call, row, encode)) for row in page.rows]
    result = {
        **_common(call, page, encode, with_contents=False),
        "KeyMarker": encode(key), "VersionIdMarker": version,
        "Version": [item for marker, item in shown if not marker],
        "DeleteMarker": [item for marker, item in shown if marker],
    }  # fmt: skip
    if page.truncated:
        result |= {"NextKeyMarker": encode(page.last_key), "NextVersionIdMarker": page.last_version or None}
    return answer("ListVersionsResult", result)


def _require(call: Call, action: str) -> None:
    context = {"s3__prefix": call.query.get("prefix", ""), "s3__delimiter": call.query.get("delimiter", "")}
    call.require(action, **context)


def _current(call: Call, after: str) -> Page:
    sql = (
        "SELECT * FROM versions INDEXED BY current_objects"
        " WHERE bucket = ? AND is_latest = 1 AND is_marker = 0 AND key > ? ORDER BY key LIMIT ?"
    )

    def fetch(key: str, seq: int, limit: int) -> list[sqlite3.Row]:
        return call.account.store.all(sql, call.bucket.name, key, limit)

    return _page(call, fetch, after, 0)


def _versions_after(call: Call) -> Fetch:
    same = "SELECT * FROM versions WHERE bucket = ? AND key = ? AND seq < ? ORDER BY seq DESC LIMIT ?"
    later = "SELECT * FROM versions WHERE bucket = ? AND key > ? ORDER BY key, seq DESC LIMIT ?"

    def fetch(key: str, seq: int, limit: int) -> list[sqlite3.Row]:
        store, bucket = call.account.store, call.bucket.name
        rows = store.all(same, bucket, key, seq, limit) if seq else []
        return rows if len(rows) == limit else rows + store.all(later, bucket, key, limit - len(rows))

    return fetch


def _seq_after(call: Call, key: str, version_id: str) -> int:
    """Where in a key to go on; a null version that is gone meanwhile starts the key anew rather than skip any."""
    if not version_id:
        return 0
    if version_id != versions.NULL:
        seq = versions.seq_of(version_id)
        if seq is None:
            raise AwsError("InvalidArgument", "Invalid version id specified")
        return seq
    row = versions.lookup(call, key, version_id)
    return row["seq"] if row else 1 << 62


def _page(call: Call, fetch: Fetch, key: str, seq: int) -> Page:
    """Walks keys under the prefix; a key with the delimiter after it counts once, as its common prefix."""
    prefix, delimiter, limit = call.query.get("prefix", ""), call.query.get("delimiter", ""), _max_keys(call)
    page = Page()
    if limit == 0:
        return page
    if delimiter and key.startswith(prefix) and delimiter in key[len(prefix) :] and key.endswith(delimiter):
        key, seq = key + LAST, 0
    for row in _walk(fetch, max(key, _just_before(prefix)), seq if key >= prefix else 0, prefix, delimiter):
        if page.count() == limit:
            page.truncated = True
            break
        if isinstance(row, str):
            page.prefixes.append(row)
            page.last_key, page.last_version = row, ""
        else:
            page.rows.append(row)
            page.last_key, page.last_version = row["key"], row["version_id"]
    return page


def _walk(fetch: Fetch, key: str, seq: int, prefix: str, delimiter: str) -> Iterator[sqlite3.Row | str]:
    """Rows and common prefixes in order; after a common prefix it jumps behind everything below it."""
    size = 64 if delimiter else BATCH
    while True:
        rows = fetch(key, seq, size)
        for row in rows:
            key, seq = row["key"], row["seq"]
            if key < prefix:
                continue
            if not key.startswith(prefix):
                return
            cut = key.find(delimiter, len(prefix)) if delimiter else -1
            if cut >= 0:
                common = key[: cut + len(delimiter)]
                yield common
                key, seq = common + LAST, 0
                break
            yield row
        else:
            if len(rows) < size:
                return


def _just_before(prefix: str) -> str:
    """The largest position from which `key > position` still finds the prefix itself."""
    if not prefix:
        return ""
    last = ord(prefix[-1])
    if last == 0:
        return prefix[:-1]
    below = last - 1 if not 0xD800 <= last - 1 <= 0xDFFF else 0xD7FF
    return prefix[:-1] + chr(below) + LAST


def _common(call: Call, page: Page, encode: Callable[[str], str], with_contents: bool = True) -> dict[str, Any]:
    result: dict[str, Any] = {
        "Name": call.bucket.name, "Prefix": encode(call.query.get("prefix", "")), "MaxKeys": _max_keys(call),
        "Delimiter": encode(call.query["delimiter"]) if call.query.get("delimiter") else None,
        "EncodingType": call.query.get("encoding-type"), "IsTruncated": page.truncated,
    }  # fmt: skip
    if with_contents:
        result["Contents"] = [_shown(call, row, encode) for row in page.rows]
    return {**result, "CommonPrefixes": [{"Prefix": encode(prefix)} for prefix in page.prefixes]}


def _shown(call: Call, row: sqlite3.Row, encode: Callable[[str], str]) -> dict[str, Any]:
    shown = {
        "Key": encode(row["key"]), "LastModified": iso(row["modified_at"]), "ETag": f'"{row["etag"]}"',
        "Size": row["size"], "StorageClass": "STANDARD",
    }  # fmt: skip
    if row["checksum"]:
        algorithm, _, kind = row["checksum"].split(" ")
        shown |= {"ChecksumAlgorithm": algorithm.upper(), "ChecksumType": kind}
    if call.query.get("fetch-owner") == "true" or "list-type" not in call.query:
        shown["Owner"] = {"ID": call.account.id}
    return shown


def _shown_version(call: Call, row: sqlite3.Row, encode: Callable[[str], str]) -> dict[str, Any]:
    shown = {
        "Key": encode(row["key"]), "VersionId": row["version_id"], "IsLatest": bool(row["is_latest"]),
        "LastModified": iso(row["modified_at"]), "Owner": {"ID": call.account.id},
    }  # fmt: skip
    if not row["is_marker"]:
        shown |= {"ETag": f'"{row["etag"]}"', "Size": row["size"], "StorageClass": "STANDARD"}
    return shown


def _max_keys(call: Call) -> int:
    text = call.query.get("max-keys", str(MAX_KEYS))
    if not text.isdigit():
        raise AwsError("InvalidArgument", "Provided max-keys not an integer or within integer range")
    return min(int(text), MAX_KEYS)


def _encoder(call: Call) -> Callable[[str], str]:
    kind = call.query.get("encoding-type")
    if kind not in (None, "url"):
        raise AwsError("InvalidArgument", "Invalid Encoding Method specified in Request")
    return (lambda text: quote(text, safe="/-_.~*")) if kind else (lambda text: text)


def _encode(key: str) -> str:
    return base64.urlsafe_b64encode(key.encode()).decode()


def _decode(token: str) -> str:
    try:
        return base64.urlsafe_b64decode(token.encode()).decode()
    except (ValueError, binascii.Error) as error:
        raise AwsError("InvalidArgument", "The continuation token provided is incorrect") from error
