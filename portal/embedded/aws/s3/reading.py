"""Reading objects: ranges, versions, conditions; a reader that began keeps its content though the object goes."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterator

from ..errors import AwsError, not_implemented
from ..web import Response
from . import conditions, sealing, versions
from .calls import Call, answer, http_date, iso

RANGE = re.compile(r"bytes=(\d*)-(\d*)")
OVERRIDES = (
    "cache-control", "content-disposition", "content-encoding", "content-language", "content-type", "expires",
)  # fmt: skip
OPEN_ATTEMPTS = 3


def get(call: Call) -> Response:
    return _read(call, with_body=True)


def head(call: Call) -> Response:
    return _read(call, with_body=False)


def attributes(call: Call) -> Response:
    """Size, ETag, checksum and storage class, as far as x-amz-object-attributes asks for them."""
    _require_read(call)
    row = versions.find(call)
    wanted = {name.strip() for name in call.header("x-amz-object-attributes").split(",")}
    known = {"ETag": row["etag"], "ObjectSize": row["size"], "StorageClass": "STANDARD"}
    if row["checksum"]:
        algorithm, value, kind = row["checksum"].split(" ")
        known["Checksum"] = {f"Checksum{algorithm.upper()}": value, "ChecksumType": kind}
    if row["parts"]:
        known["ObjectParts"] = {"TotalPartsCount": row["parts"]}
    headers = {"Last-Modified": http_date(row["modified_at"]), **versions.id_header(call, row)}
    shown = {name: value for name, value in known.items() if name in wanted}
    return answer("GetObjectAttributesResponse", shown, **headers)


def content(call: Call, row: sqlite3.Row, start: int, end: int) -> Iterator[bytes]:
    """Decrypted bytes of a version; a KMS key that refuses makes this raise before the first byte."""
    if start == end:
        return iter(())
    key = sealing.open_key(call, row["encryption"], row["data_key"])
    return call.account.blobs.read(row["blob"], key, row["size"], start, end)


def _read(call: Call, with_body: bool) -> Response:
    _require_read(call)
    for attempt in range(OPEN_ATTEMPTS):
        row = versions.find(call)
        headers = _headers(call, row)
        if conditions.check_read(call, row):
            return Response(304, {name: headers[name] for name in ("ETag", "Last-Modified")})
        span = _span(call, row)
        try:
            return _answer(call, row, headers, span, with_body)
        except FileNotFoundError:  # replaced between the index and the file: look again
            if attempt == OPEN_ATTEMPTS - 1:
                raise
    raise AssertionError("unreachable")


def _span(call: Call, row: sqlite3.Row) -> tuple[int, int] | None:
    """The range asked for; by part number only where an object is one part (sizes of parts are not kept)."""
    number = call.query.get("partNumber")
    if number is None:
        return _range(call.header("range"), row["size"])
    if number != "1" or row["parts"]:
        raise not_implemented("reading one part of a multipart object")
    return (0, row["size"]) if row["size"] else None


def _answer(
    call: Call, row: sqlite3.Row, headers: dict[str, str], span: tuple[int, int] | None, with_body: bool
) -> Response:
    start, end = span or (0, row["size"])
    headers["Content-Length"] = str(end - start)
    if span:
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{row['size']}"
        headers = {name: value for name, value in headers.items() if not name.startswith("x-amz-checksum-")}
    body = content(call, row, start, end) if with_body else b""
    return Response(206 if span else 200, headers, body)


def _require_read(call: Call) -> None:
    call.require("s3:GetObjectVersion" if "versionId" in call.query else "s3:GetObject")


def _headers(call: Call, row: sqlite3.Row) -> dict[str, str]:
    headers = {"Content-Type": "binary/octet-stream"}
    headers |= {_titled(name): value for name, value in json.loads(row["headers"]).items()}
    headers |= {
        "ETag": f'"{row["etag"]}"', "Last-Modified": http_date(row["modified_at"]), "Accept-Ranges": "bytes",
        **sealing.headers(row["encryption"]), **versions.id_header(call, row), **_lock_headers(row),
    }  # fmt: skip
    if tags := json.loads(row["tags"]):
        headers["x-amz-tagging-count"] = str(len(tags))
    if row["checksum"] and call.header("x-amz-checksum-mode").upper() == "ENABLED":
        algorithm, value, kind = row["checksum"].split(" ")
        headers |= {f"x-amz-checksum-{algorithm}": value, "x-amz-checksum-type": kind}
    for name in OVERRIDES:
        if value := call.query.get(f"response-{name}"):
            headers[_titled(name)] = value
    return headers


def _titled(name: str) -> str:
    return name if name.startswith("x-amz-") else name.title()


def _lock_headers(row: sqlite3.Row) -> dict[str, str]:
    headers = {}
    if row["retain_mode"]:
        headers["x-amz-object-lock-mode"] = row["retain_mode"]
        headers["x-amz-object-lock-retain-until-date"] = iso(row["retain_until"])
    if row["legal_hold"]:
        headers["x-amz-object-lock-legal-hold"] = row["legal_hold"]
    return headers


def _range(text: str, size: int) -> tuple[int, int] | None:
    """A single byte range as (start, end); a header that is no range is ignored, one outside refused."""
    found = RANGE.fullmatch(text.strip())
    if not found or found.groups() == ("", ""):
        return None
    first, last = found.groups()
    if first:
        start, end = int(first), min(int(last) + 1, size) if last else size
        if last and int(last) < int(first):
            return None
    else:
        start, end = max(0, size - int(last)), size
    if start >= size or start == end:
        raise AwsError("InvalidRange", "The requested range is not satisfiable", 416, ActualObjectSize=str(size))
    return start, end
