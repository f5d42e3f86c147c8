"""Copies inside the region: read, decrypt, encrypt under the target's key, so nothing shares a data key."""

from __future__ import annotations

import json
import re
import sqlite3
from typing import Any
from urllib.parse import unquote

from .. import checksums
from ..errors import AwsError
from ..web import Response
from . import conditions, multipart, objects, reading, sealing, versions
from .calls import Call, answer, iso, load_bucket

SOURCE_RANGE = re.compile(r"bytes=(\d+)-(\d+)")


def copy(call: Call) -> Response:
    """A new version of the target with the source's bytes; metadata and tags as the directives say."""
    source_call, row = _source(call)
    replace = _directive(call, "x-amz-metadata-directive")
    same_place = (row["bucket"], row["key"]) == (call.bucket.name, call.key) and row["is_latest"]
    columns = objects.new_columns(call)
    if same_place and not replace and columns["encryption"] == row["encryption"]:
        message = (
            "This copy request is illegal because it is trying to copy an object to itself without changing the "
            "object's metadata, storage class, website redirect location or encryption attributes."
        )
        raise AwsError("InvalidRequest", message)
    if not replace:
        columns["headers"] = row["headers"]
    if not _directive(call, "x-amz-tagging-directive"):
        if json.loads(row["tags"]):
            source_call.require("s3:GetObjectTagging")
        columns["tags"] = row["tags"]
    digest = _Md5AndChecksum(_algorithm(call, row))
    key = sealing.new_key(call, columns["encryption"])
    pieces = digest.over(reading.content(source_call, row, 0, row["size"]))
    with call.account.blobs.written(pieces, key.plain) as content:
        columns |= {"data_key": key.wrapped, "etag": digest.etag, "checksum": digest.column}
        added = objects.commit(call, columns, content)
    result = {"LastModified": iso(added.modified_at), "ETag": f'"{digest.etag}"', **digest.shown}
    headers = {**objects.result_headers(call, columns, added), **_source_header(source_call, row)}
    return answer("CopyObjectResult", result, **headers)


def copy_part(call: Call) -> Response:
    """One part of an upload from (a range of) an existing object."""
    upload, number = multipart.find(call), multipart.part_number(call)
    source_call, row = _source(call)
    start, end = _range(call.header("x-amz-copy-source-range"), row["size"])
    digest = _Md5AndChecksum(upload["checksum"].partition(" ")[0])
    key = sealing.new_key(call, upload["encryption"])
    pieces = digest.over(reading.content(source_call, row, start, end))
    with call.account.blobs.written(pieces, key.plain) as content:
        part = multipart.Part(upload["id"], number, digest.etag, key.wrapped, digest.value)
        modified_at = multipart.store_part(call, part, content)
    result = {"LastModified": iso(modified_at), "ETag": f'"{digest.etag}"', **digest.shown}
    headers = {**sealing.headers(upload["encryption"]), **_source_header(source_call, row)}
    return answer("CopyPartResult", result, **headers)


class _Md5AndChecksum:
    """Digests of bytes on their way through; known once `over` is exhausted."""

    def __init__(self, algorithm: str) -> None:
        self._algorithm = algorithm
        self._digests = [checksums.md5()] + ([checksums.ALGORITHMS[algorithm]()] if algorithm else [])

    def over(self, pieces: Any) -> Any:
        for piece in pieces:
            for digest in self._digests:
                digest.update(piece)
            yield piece

    @property
    def etag(self) -> str:
        return self._digests[0].digest().hex()

    @property
    def value(self) -> str:
        return checksums.encoded(self._digests[1]) if self._algorithm else ""

    @property
    def column(self) -> str:
        return f"{self._algorithm} {self.value} FULL_OBJECT" if self._algorithm else ""

    @property
    def shown(self) -> dict[str, str]:
        return {f"Checksum{self._algorithm.upper()}": self.value} if self._algorithm else {}


def _source(call: Call) -> tuple[Call, sqlite3.Row]:
    """The source version, after the caller's right to read it and the copy's conditions were checked."""
    text, _, version_id = call.header("x-amz-copy-source").partition("?versionId=")
    bucket, _, key = unquote(text).removeprefix("/").partition("/")
    if not bucket or not key:
        raise AwsError("InvalidArgument", "Copy Source must mention the source bucket and key: sourcebucket/sourcekey")
    source = Call(call.account, call.request, call.caller, call.signature, bucket, key)
    load_bucket(call.account, bucket)
    source.require("s3:GetObjectVersion" if version_id else "s3:GetObject")
    row = versions.find(source, key, version_id)
    if conditions.check_read(call, row, "x-amz-copy-source-"):
        raise conditions.failed("If-None-Match")
    return source, row


def _algorithm(call: Call, row: sqlite3.Row) -> str:
    wanted = call.header("x-amz-checksum-algorithm")
    return checksums.algorithm(wanted) if wanted else row["checksum"].partition(" ")[0]


def _directive(call: Call, name: str) -> bool:
    """True for REPLACE, False for COPY (the default)."""
    value = call.header(name, "COPY").upper()
    if value not in ("COPY", "REPLACE"):
        raise AwsError("InvalidArgument", f"Unknown {name}.")
    return value == "REPLACE"


def _range(text: str, size: int) -> tuple[int, int]:
    if not text:
        return 0, size
    found = SOURCE_RANGE.fullmatch(text)
    if not found or not int(found[1]) <= int(found[2]) < size:
        raise AwsError("InvalidArgument", f"Range specified is not valid for source object of size: {size}")
    return int(found[1]), int(found[2]) + 1


def _source_header(source: Call, row: sqlite3.Row) -> dict[str, str]:
    return {"x-amz-copy-source-version-id": row["version_id"]} if source.bucket.versioning else {}
