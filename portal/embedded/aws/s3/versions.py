"""The rows behind object versions: the newest sequence number of a key is its current version.

A version id carries its sequence number, so a listing can go on after a version that was deleted meanwhile.
"""

from __future__ import annotations

import secrets
import sqlite3
from dataclasses import dataclass
from typing import Any

from ..blobs import Change
from ..errors import AwsError
from ..store import now_ms
from .calls import Call, versioning_under_lock

NULL = "null"
ID_LENGTH = 32


@dataclass(frozen=True)
class Added:
    version_id: str
    modified_at: int


def make_id(seq: int) -> str:
    return secrets.token_hex(10) + f"{seq:012x}"


def seq_of(version_id: str) -> int | None:
    """The sequence number inside a version id; None for 'null' or something that is no version id."""
    if len(version_id) != ID_LENGTH:
        return None
    try:
        return int(version_id[20:], 16)
    except ValueError:
        return None


def current(db: Change, bucket: str, key: str) -> sqlite3.Row | None:
    """The newest row of a key, marker or not."""
    sql = "SELECT * FROM versions WHERE bucket = ? AND key = ? ORDER BY seq DESC LIMIT 1"
    row: sqlite3.Row | None = db.execute(sql, (bucket, key)).fetchone()
    return row


def lookup(call: Call, key: str, version_id: str = "") -> sqlite3.Row | None:
    """The named version, or the newest row when none is named."""
    sql, place = _selection(call.bucket.name, key, version_id)
    return call.account.store.one(sql, *place)


def lookup_under_lock(db: Change, bucket: str, key: str, version_id: str) -> sqlite3.Row | None:
    sql, place = _selection(bucket, key, version_id)
    row: sqlite3.Row | None = db.execute(sql, place).fetchone()
    return row


def _selection(bucket: str, key: str, version_id: str) -> tuple[str, tuple[Any, ...]]:
    sql = "SELECT * FROM versions WHERE bucket = ? AND key = ?"
    if not version_id:
        return f"{sql} ORDER BY seq DESC LIMIT 1", (bucket, key)
    if version_id == NULL:
        return f"{sql} AND version_id = 'null'", (bucket, key)
    seq = seq_of(version_id)
    if seq is None:
        raise AwsError("InvalidArgument", "Invalid version id specified", 400, ArgumentName="versionId")
    return f"{sql} AND seq = ? AND version_id = ?", (bucket, key, seq, version_id)


def find(call: Call, key: str = "", version_id: str | None = None) -> sqlite3.Row:
    """An object to read; missing keys, missing versions and delete markers answer as in S3."""
    key = key or call.key
    wanted = call.query.get("versionId", "") if version_id is None else version_id
    row = lookup(call, key, wanted)
    if row is None and wanted:
        raise AwsError("NoSuchVersion", "The specified version does not exist.", 404, Key=key, VersionId=wanted)
    if row is None or (row["is_marker"] and not wanted):
        if not call.allows("s3:ListBucket"):
            call.require("s3:ListBucket")
        raise no_such_key(key, row)
    if row["is_marker"]:
        message = "The specified method is not allowed against this resource."
        raise marked(AwsError("MethodNotAllowed", message, 405), row)
    return row


def no_such_key(key: str, row: sqlite3.Row | None = None) -> AwsError:
    error = AwsError("NoSuchKey", "The specified key does not exist.", 404, Key=key)
    return marked(error, row) if row is not None else error


def marked(error: AwsError, row: sqlite3.Row) -> AwsError:
    error.headers = {"x-amz-delete-marker": "true", "x-amz-version-id": row["version_id"]}
    return error


def id_header(call: Call, row: sqlite3.Row) -> dict[str, str]:
    return {"x-amz-version-id": row["version_id"]} if call.bucket.versioning else {}


def add(db: Change, bucket: str, key: str, columns: dict[str, Any]) -> Added:
    """Inserts a new current version (or marker); replaces the null version where the bucket keeps no versions."""
    versioned = versioning_under_lock(db, bucket) == "Enabled"
    if not versioned:
        _drop_null(db, bucket, key)
    counted = db.execute("UPDATE counter SET value = value + 1 WHERE name = 'version' RETURNING value").fetchone()
    seq, modified_at = counted["value"], now_ms()
    version_id = make_id(seq) if versioned else NULL
    db.execute("UPDATE versions SET is_latest = 0 WHERE bucket = ? AND key = ? AND is_latest = 1", (bucket, key))
    row = {
        "bucket": bucket, "key": key, "seq": seq, "version_id": version_id, "is_latest": 1, "is_marker": 0,
        "modified_at": modified_at, **columns,
    }  # fmt: skip
    places = ", ".join("?" * len(row))
    db.execute(f"INSERT INTO versions ({', '.join(row)}) VALUES ({places})", list(row.values()))  # noqa: S608
    return Added(version_id, modified_at)


def remove(db: Change, row: sqlite3.Row) -> None:
    """Deletes one version and its content for good; the next older one becomes current."""
    place = (row["bucket"], row["key"])
    db.execute("DELETE FROM versions WHERE bucket = ? AND key = ? AND seq = ?", (*place, row["seq"]))
    if row["is_latest"] and (newest := current(db, *place)):
        update(db, newest, "is_latest", 1)
    db.discard(row["blob"])


def update(db: Change, row: sqlite3.Row, column: str, value: Any) -> None:
    """Changes one column of a version that still exists."""
    sql = f"UPDATE versions SET {column} = ? WHERE bucket = ? AND key = ? AND seq = ?"  # noqa: S608
    if not db.execute(sql, (value, row["bucket"], row["key"], row["seq"])).rowcount:
        raise no_such_key(row["key"])


def _drop_null(db: Change, bucket: str, key: str) -> None:
    sql = "DELETE FROM versions WHERE bucket = ? AND key = ? AND version_id = 'null' RETURNING blob"
    for row in db.execute(sql, (bucket, key)).fetchall():
        db.discard(row["blob"])
