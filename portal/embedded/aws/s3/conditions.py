"""If-Match and its relatives: on writes they decide inside the transaction, so of two racers exactly one wins."""

from __future__ import annotations

import sqlite3
from email.utils import parsedate_to_datetime

from ..blobs import Change
from ..errors import AwsError
from . import versions
from .calls import Call


def check_write(call: Call, db: Change) -> None:
    """`If-None-Match: *` needs the key free, `If-Match` needs the current ETag; call inside the write."""
    none_match, match = call.header("if-none-match"), call.header("if-match")
    if not none_match and not match:
        return
    if none_match and none_match != "*":
        raise AwsError("NotImplemented", "A header you provided implies functionality that is not implemented", 501)
    row = versions.current(db, call.bucket.name, call.key)
    exists = row is not None and not row["is_marker"]
    if none_match and exists:
        raise failed("If-None-Match")
    if match and not exists:
        raise versions.no_such_key(call.key)
    if match and row is not None and not _names(match, row["etag"]):
        raise failed("If-Match")


def check_read(call: Call, row: sqlite3.Row, prefix: str = "") -> bool:
    """True when the answer is 304 Not Modified; raises 412 where a precondition fails (RFC 9110, 13.2.2)."""
    match, none_match = call.header(f"{prefix}if-match"), call.header(f"{prefix}if-none-match")
    if match and not _names(match, row["etag"]):
        raise failed("If-Match")
    unmodified = call.header(f"{prefix}if-unmodified-since")
    if unmodified and not match and row["modified_at"] // 1000 > _seconds(unmodified):
        raise failed("If-Unmodified-Since")
    if none_match:
        return _names(none_match, row["etag"])
    modified = call.header(f"{prefix}if-modified-since")
    return bool(modified) and row["modified_at"] // 1000 <= _seconds(modified)


def failed(condition: str) -> AwsError:
    message = "At least one of the pre-conditions you specified did not hold"
    return AwsError("PreconditionFailed", message, 412, Condition=condition)


def _names(value: str, etag: str) -> bool:
    return value.strip() == "*" or etag in {item.strip().removeprefix("W/").strip('"') for item in value.split(",")}


def _seconds(text: str) -> float:
    try:
        return parsedate_to_datetime(text).timestamp()
    except (ValueError, TypeError) as error:
        raise AwsError("InvalidArgument", "A date header could not be read.") from error
