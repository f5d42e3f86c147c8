"""Multipart uploads: parts survive a restart; completing writes one content file and removes the parts."""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from .. import checksums
from ..blobs import Change, Content
from ..errors import AwsError
from ..store import now_ms
from ..web import Response
from . import conditions, objects, sealing
from .calls import Call, answer, iso, versioning_under_lock

MAX_PARTS = 10_000
CARRIED = ("encryption", "headers", "tags", "retain_mode", "retain_until", "legal_hold")
MIN_PART = 5 * 1024 * 1024
CHECKSUM_TYPES = ("COMPOSITE", "FULL_OBJECT")


@dataclass(frozen=True)
class Part:
    upload_id: str
    number: int
    etag: str
    data_key: bytes
    checksum: str


def create(call: Call) -> Response:
    columns = objects.new_columns(call)
    upload_id, checksum = secrets.token_hex(32), _wanted_checksum(call)
    row = {
        "id": upload_id, "bucket": call.bucket.name, "key": call.key, "initiated_at": now_ms(),
        "checksum": checksum, **columns,
    }  # fmt: skip
    with call.account.blobs.change() as db:
        versioning_under_lock(db, call.bucket.name)
        places = ", ".join("?" * len(row))
        db.execute(f"INSERT INTO uploads ({', '.join(row)}) VALUES ({places})", list(row.values()))  # noqa: S608
    headers = sealing.headers(columns["encryption"])
    if checksum:
        algorithm, kind = checksum.split(" ")
        headers |= {"x-amz-checksum-algorithm": algorithm.upper(), "x-amz-checksum-type": kind}
    result = {"Bucket": call.bucket.name, "Key": call.key, "UploadId": upload_id}
    return answer("InitiateMultipartUploadResult", result, **headers)


def upload_part(call: Call) -> Response:
    upload, number = find(call), part_number(call)
    objects.check_size(call.request.length, call.header("x-amz-decoded-content-length"))
    payload = call.payload()
    _check_part_algorithm(upload, payload.algorithm)
    key = sealing.new_key(call, upload["encryption"])
    with call.account.blobs.written(payload, key.plain) as content:
        part = Part(upload["id"], number, payload.md5.hex(), key.wrapped, payload.checksum)
        store_part(call, part, content)
    headers = {"ETag": f'"{part.etag}"', **sealing.headers(upload["encryption"])}
    if payload.algorithm:
        headers[f"x-amz-checksum-{payload.algorithm}"] = part.checksum
    return Response(200, headers)


def complete(call: Call) -> Response:
    """Joins the named parts in order into one version; parts that are not named are dropped."""
    upload = find(call)
    root = call.xml("CompleteMultipartUpload")
    wanted = [(part.findtext("PartNumber", ""), part.findtext("ETag", "").strip('"')) for part in root.findall("Part")]
    parts = _chosen(call, upload, wanted)
    if "if-none-match" in call.request.headers or "if-match" in call.request.headers:
        with call.account.blobs.change() as db:
            conditions.check_write(call, db)
    key = sealing.new_key(call, upload["encryption"])
    full = _full_digest(upload)
    etag, columns = _joined_etag(parts), {name: upload[name] for name in CARRIED}
    columns |= {"data_key": key.wrapped, "etag": etag, "parts": len(parts)}
    with call.account.blobs.written(_joined(call, upload, parts, full), key.plain) as content:
        columns["checksum"] = _final_checksum(upload, parts, full)
        with call.account.blobs.change() as db:
            conditions.check_write(call, db)
            drop(db, upload["id"])
            added = objects.add(call, db, columns, content)
    result: dict[str, Any] = {
        "Location": f"/{call.bucket.name}/{call.key}", "Bucket": call.bucket.name, "Key": call.key,
        "ETag": f'"{etag}"',
    }  # fmt: skip
    if columns["checksum"]:
        algorithm, value, kind = columns["checksum"].split(" ")
        result |= {f"Checksum{algorithm.upper()}": value, "ChecksumType": kind}
    return answer("CompleteMultipartUploadResult", result, **objects.result_headers(call, columns, added))


def abort(call: Call) -> Response:
    upload = find(call)
    with call.account.blobs.change() as db:
        drop(db, upload["id"])
    return Response(204)


def list_uploads(call: Call) -> Response:
    """Open uploads by key, then id; both markers together say where the next page starts."""
    prefix, limit = call.query.get("prefix", ""), _limit(call, "max-uploads")
    key, upload_id = call.query.get("key-marker", ""), call.query.get("upload-id-marker", "")
    rows = call.account.store.all(
        "SELECT * FROM uploads WHERE bucket = ? AND (key > ? OR (key = ? AND ? <> '' AND id > ?)) ORDER BY key, id",
        call.bucket.name, key, key, upload_id, upload_id,
    )  # fmt: skip
    rows = [row for row in rows if row["key"].startswith(prefix)]
    page, more = rows[:limit], len(rows) > limit
    owner = {"ID": call.account.id}
    result = {
        "Bucket": call.bucket.name, "KeyMarker": key, "UploadIdMarker": upload_id, "Prefix": prefix,
        "MaxUploads": limit, "IsTruncated": more,
        "NextKeyMarker": page[-1]["key"] if more else None, "NextUploadIdMarker": page[-1]["id"] if more else None,
        "Upload": [
            {
                "UploadId": row["id"], "Key": row["key"], "Initiated": iso(row["initiated_at"]), "Initiator": owner,
                "Owner": owner, "StorageClass": "STANDARD",
            }
            for row in page
        ],
    }  # fmt: skip
    return answer("ListMultipartUploadsResult", result)


def list_parts(call: Call) -> Response:
    upload, limit = find(call), _limit(call, "max-parts")
    marker = call.query.get("part-number-marker", "0")
    if not marker.isdigit():
        raise AwsError("InvalidArgument", "part-number-marker must be a number.")
    rows = call.account.store.all(
        "SELECT * FROM parts WHERE upload_id = ? AND number > ? ORDER BY number", upload["id"], int(marker)
    )
    page, more = rows[:limit], len(rows) > limit
    algorithm = upload["checksum"].partition(" ")[0].upper()
    result = {
        "Bucket": call.bucket.name, "Key": call.key, "UploadId": upload["id"], "StorageClass": "STANDARD",
        "PartNumberMarker": int(marker), "MaxParts": limit, "IsTruncated": more,
        "NextPartNumberMarker": page[-1]["number"] if more else None,
        "Part": [_shown_part(row, algorithm) for row in page],
    }  # fmt: skip
    return answer("ListPartsResult", result)


def find(call: Call) -> sqlite3.Row:
    """The open upload the request names, in this bucket and for this key."""
    row = call.account.store.one(
        "SELECT * FROM uploads WHERE id = ? AND bucket = ? AND key = ?",
        call.query.get("uploadId", ""), call.bucket.name, call.key,
    )  # fmt: skip
    if row is None:
        raise _no_upload(call.query.get("uploadId", ""))
    return row


def part_number(call: Call) -> int:
    text = call.query.get("partNumber", "")
    if not text.isdigit() or not 1 <= int(text) <= MAX_PARTS:
        raise AwsError("InvalidArgument", f"Part number must be an integer between 1 and {MAX_PARTS}, inclusive")
    return int(text)


def store_part(call: Call, part: Part, content: Content) -> int:
    """Keeps a part, replacing an earlier one of the same number; an upload that ended meanwhile refuses it."""
    modified_at = now_ms()
    with call.account.blobs.change() as db:
        if db.execute("SELECT 1 FROM uploads WHERE id = ?", (part.upload_id,)).fetchone() is None:
            raise _no_upload(part.upload_id)
        sql = "DELETE FROM parts WHERE upload_id = ? AND number = ? RETURNING blob"
        for row in db.execute(sql, (part.upload_id, part.number)).fetchall():
            db.discard(row["blob"])
        db.keep(content)
        db.execute(
            "INSERT INTO parts VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                part.upload_id,
                part.number,
                content.size,
                part.etag,
                content.name,
                part.data_key,
                part.checksum,
                modified_at,
            ),
        )
    return modified_at


def drop(db: Change, upload_id: str) -> None:
    """Forgets an upload and the content of its parts."""
    if not db.execute("DELETE FROM uploads WHERE id = ?", (upload_id,)).rowcount:
        raise _no_upload(upload_id)
    for row in db.execute("DELETE FROM parts WHERE upload_id = ? RETURNING blob", (upload_id,)).fetchall():
        db.discard(row["blob"])


def _chosen(call: Call, upload: sqlite3.Row, wanted: list[tuple[str, str]]) -> list[sqlite3.Row]:
    if not wanted or not all(number.isdigit() for number, _ in wanted):
        raise AwsError("MalformedXML", "Give at least one part, each with PartNumber and ETag.")
    numbers = [int(number) for number, _ in wanted]
    if any(later <= earlier for earlier, later in pairwise(numbers)):
        raise AwsError("InvalidPartOrder", "The list of parts was not in ascending order.")
    rows = call.account.store.all("SELECT * FROM parts WHERE upload_id = ?", upload["id"])
    stored = {row["number"]: row for row in rows}
    for number, (_, etag) in zip(numbers, wanted, strict=True):
        if number not in stored or stored[number]["etag"] != etag:
            message = "One or more of the specified parts could not be found."
            raise AwsError("InvalidPart", message, 400, PartNumber=str(number), ETag=etag)
    for number in numbers[:-1]:
        if stored[number]["size"] < MIN_PART:
            message = "Your proposed upload is smaller than the minimum allowed size"
            raise AwsError("EntityTooSmall", message, 400, PartNumber=str(number))
    return [stored[number] for number in numbers]


def _joined(
    call: Call, upload: sqlite3.Row, parts: Iterable[sqlite3.Row], digest: checksums.Digest | None
) -> Iterator[bytes]:
    for part in parts:
        key = sealing.open_key(call, upload["encryption"], part["data_key"])
        for piece in call.account.blobs.read(part["blob"], key, part["size"], 0, part["size"]):
            if digest:
                digest.update(piece)
            yield piece


def _joined_etag(parts: list[sqlite3.Row]) -> str:
    """S3's form: the MD5 of the parts' MD5s, and how many there were."""
    digest = checksums.md5()
    for part in parts:
        digest.update(bytes.fromhex(part["etag"]))
    return f"{digest.digest().hex()}-{len(parts)}"


def _wanted_checksum(call: Call) -> str:
    """'algorithm TYPE' for the whole upload, or '' when the client asked for none."""
    name = call.header("x-amz-checksum-algorithm")
    if not name:
        return ""
    algorithm = checksums.algorithm(name)
    default = "FULL_OBJECT" if algorithm in checksums.FULL_OBJECT_ONLY else "COMPOSITE"
    kind = call.header("x-amz-checksum-type", default).upper()
    wrong = kind not in CHECKSUM_TYPES or (kind == "FULL_OBJECT" and algorithm.startswith("sha"))
    if wrong or (kind == "COMPOSITE" and algorithm in checksums.FULL_OBJECT_ONLY):
        raise AwsError("InvalidRequest", f"The {kind} checksum type cannot be used with {name}.")
    return f"{algorithm} {kind}"


def _check_part_algorithm(upload: sqlite3.Row, algorithm: str) -> None:
    wanted = upload["checksum"].partition(" ")[0]
    if wanted and algorithm != wanted:
        raise AwsError("InvalidRequest", f"Checksum Type mismatch occurred, expected checksum Type: {wanted}")


def _full_digest(upload: sqlite3.Row) -> checksums.Digest | None:
    algorithm, _, kind = upload["checksum"].partition(" ")
    return checksums.ALGORITHMS[algorithm]() if kind == "FULL_OBJECT" else None


def _final_checksum(upload: sqlite3.Row, parts: list[sqlite3.Row], full: checksums.Digest | None) -> str:
    algorithm = upload["checksum"].partition(" ")[0]
    if full:
        return f"{algorithm} {checksums.encoded(full)} FULL_OBJECT"
    if algorithm:
        return f"{algorithm} {checksums.composite(algorithm, [part['checksum'] for part in parts])} COMPOSITE"
    return ""


def _shown_part(row: sqlite3.Row, algorithm: str) -> dict[str, Any]:
    shown = {
        "PartNumber": row["number"], "LastModified": iso(row["modified_at"]), "ETag": f'"{row["etag"]}"',
        "Size": row["size"],
    }  # fmt: skip
    return {**shown, f"Checksum{algorithm}": row["checksum"]} if algorithm else shown


def _limit(call: Call, name: str) -> int:
    text = call.query.get(name, "1000")
    if not text.isdigit():
        raise AwsError("InvalidArgument", f"{name} must be a number.")
    return max(1, min(int(text), 1000))


def _no_upload(upload_id: str) -> AwsError:
    message = "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted."
    return AwsError("NoSuchUpload", message, 404, UploadId=upload_id)
