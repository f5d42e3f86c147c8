"""CloudWatch Logs: groups, streams and events; messages are encrypted at rest under a data key of their group.

The JSON protocol of `Logs_20140328`. A group's data key is wrapped by the group's KMS key, or by the service's own;
deleting the group deletes its data keys.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from . import kms, log_events
from .access import Caller, Guarded, require
from .errors import AwsError
from .store import now_ms

if TYPE_CHECKING:
    from .account import Account

SCHEMA = """
CREATE TABLE IF NOT EXISTS log_groups (
    id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, created_at INTEGER NOT NULL,
    retention_days INTEGER, kms_key TEXT NOT NULL DEFAULT '', tags TEXT NOT NULL DEFAULT '{}'
);
CREATE TABLE IF NOT EXISTS log_data_keys (
    id INTEGER PRIMARY KEY AUTOINCREMENT, group_id INTEGER NOT NULL, kms_key TEXT NOT NULL, wrapped BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS log_data_keys_of_group ON log_data_keys (group_id);
CREATE TABLE IF NOT EXISTS log_streams (
    id INTEGER PRIMARY KEY AUTOINCREMENT, group_id INTEGER NOT NULL, name TEXT NOT NULL, created_at INTEGER NOT NULL,
    first_at INTEGER, last_at INTEGER, ingested_at INTEGER, bytes INTEGER NOT NULL DEFAULT 0, UNIQUE (group_id, name)
);
CREATE TABLE IF NOT EXISTS log_events (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, group_id INTEGER NOT NULL, stream_id INTEGER NOT NULL,
    at INTEGER NOT NULL, ingested_at INTEGER NOT NULL, data_key_id INTEGER NOT NULL, message BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS log_events_of_group ON log_events (group_id, at, seq);
CREATE INDEX IF NOT EXISTS log_events_of_stream ON log_events (stream_id, at, seq);
"""
GROUP_NAME = re.compile(r"[.\-_/#A-Za-z0-9]{1,512}")
STREAM_NAME = re.compile(r"[^:*\x00-\x1f]{1,512}")
RETENTION_DAYS = {
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653
}  # fmt: skip
Parameters = dict[str, Any]
FIELDS: dict[type, set[str]] = {
    str: {
        "filterPattern", "kmsKeyId", "logGroupIdentifier", "logGroupName", "logGroupNamePattern", "logGroupNamePrefix",
        "logStreamName", "logStreamNamePrefix", "nextToken", "orderBy", "resourceArn", "resourceIdentifier",
    },
    int: {"endTime", "limit", "retentionInDays", "startTime"},
    list: {"logEvents", "logGroupIdentifiers", "logStreamNames", "tagKeys"},
}  # fmt: skip


def call(account: Account, caller: Caller, action: str, parameters: Parameters) -> dict[str, Any]:
    """Runs one Logs action and returns its JSON answer."""
    if action not in OPERATIONS:
        raise AwsError("UnknownOperationException", f"The AWS double knows no Logs action {action}.")
    name = group_name(account, parameters)
    base = account.arn("logs", f"log-group:{name}")
    stream = parameters.get("logStreamName")
    resource = f"{base}:log-stream:{stream}" if stream else f"{base}:*"
    guarded = Guarded(f"logs:{action}", resource, service_error="AccessDeniedException", also="" if stream else base)
    require(account, caller, guarded)
    return OPERATIONS[action](account, caller, {**parameters, "logGroupName": name})


def group_name(account: Account, parameters: Parameters) -> str:
    """The group's name from whichever of its four spellings the action uses."""
    for field in ("logGroupName", "logGroupIdentifier", "resourceArn", "resourceIdentifier"):
        if value := str(parameters.get(field) or ""):
            return value.removeprefix(account.arn("logs", "log-group:")).removesuffix(":*")
    return ""


def tagged(account: Account) -> list[tuple[str, dict[str, str]]]:
    """Every group's ARN with its tags."""
    rows = account.store.all("SELECT name, tags FROM log_groups")
    return [(account.arn("logs", f"log-group:{row['name']}"), json.loads(row["tags"])) for row in rows]


def _create_group(account: Account, caller: Caller, parameters: Parameters) -> dict[str, Any]:
    name = _valid(GROUP_NAME, parameters["logGroupName"], "logGroupName")
    kms_key = _usable_kms_key(account, parameters.get("kmsKeyId"))
    row = (name, now_ms(), kms_key, json.dumps(_tags(parameters.get("tags"))))
    try:
        with account.store.write() as db:
            db.execute("INSERT INTO log_groups (name, created_at, kms_key, tags) VALUES (?, ?, ?, ?)", row)
    except sqlite3.IntegrityError as error:
        raise AwsError("ResourceAlreadyExistsException", "The specified log group already exists") from error
    return {}


def _delete_group(account: Account, caller: Caller, parameters: Parameters) -> dict[str, Any]:
    group = find_group(account, parameters)
    with account.store.write() as db:
        for table in ("log_events", "log_streams", "log_data_keys"):
            db.execute(f"DELETE FROM {table} WHERE group_id = ?", (group["id"],))  # noqa: S608
        db.execute("DELETE FROM log_groups WHERE id = ?", (group["id"],))
    return {}


def _describe_groups(account: Account, caller: Caller, parameters: Parameters) -> dict[str, Any]:
    prefix, pattern = str(parameters.get("logGroupNamePrefix") or ""), str(parameters.get("logGroupNamePattern") or "")
    wanted = {group_name(account, {"resourceArn": item}) for item in parameters.get("logGroupIdentifiers") or []}
    sql = "SELECT * FROM log_groups WHERE name > ? ORDER BY name"
    rows = [
        row
        for row in account.store.all(sql, str(parameters.get("nextToken") or ""))
        if row["name"].startswith(prefix) and pattern in row["name"] and (not wanted or row["name"] in wanted)
    ]
    return _page("logGroups", rows, parameters, lambda row: _shown_group(account, row))


def _put_retention(account: Account, caller: Caller, parameters: Parameters) -> dict[str, Any]:
    days = parameters.get("retentionInDays")
    if days not in RETENTION_DAYS:
        raise invalid("retentionInDays is not one of the values CloudWatch Logs accepts.")
    _update_group(account, parameters, "retention_days", days)
    log_events.purge_expired(account)
    return {}


def _delete_retention(account: Account, caller: Caller, parameters: Parameters) -> dict[str, Any]:
    return _update_group(account, parameters, "retention_days", None)


def _associate_key(account: Account, caller: Caller, parameters: Parameters) -> dict[str, Any]:
    """New events go under the new key; what is there stays under the key it was written with, as in AWS."""
    return _update_group(account, parameters, "kms_key", _usable_kms_key(account, parameters.get("kmsKeyId")))


def _disassociate_key(account: Account, caller: Caller, parameters: Parameters) -> dict[str, Any]:
    return _update_group(account, parameters, "kms_key", "")


def _tag(account: Account, caller: Caller, parameters: Parameters) -> dict[str, Any]:
    added = _tags(parameters.get("tags"))
    return _retag(account, parameters, lambda tags: {**tags, **added})


def _untag(account: Account, caller: Caller, parameters: Parameters) -> dict[str, Any]:
    gone = set(parameters.get("tagKeys") or parameters.get("tags") or [])
    return _retag(account, parameters, lambda tags: {key: tags[key] for key in tags if key not in gone})


def _list_tags(account: Account, caller: Caller, parameters: Parameters) -> dict[str, Any]:
    return {"tags": json.loads(find_group(account, parameters)["tags"])}


def _create_stream(account: Account, caller: Caller, parameters: Parameters) -> dict[str, Any]:
    group = find_group(account, parameters)
    name = _valid(STREAM_NAME, parameters.get("logStreamName"), "logStreamName")
    try:
        with account.store.write() as db:
            row = (group["id"], name, now_ms())
            db.execute("INSERT INTO log_streams (group_id, name, created_at) VALUES (?, ?, ?)", row)
    except sqlite3.IntegrityError as error:
        raise AwsError("ResourceAlreadyExistsException", "The specified log stream already exists") from error
    return {}


def _describe_streams(account: Account, caller: Caller, parameters: Parameters) -> dict[str, Any]:
    group, prefix = find_group(account, parameters), str(parameters.get("logStreamNamePrefix") or "")
    by_time = parameters.get("orderBy") == "LastEventTime"
    if by_time and prefix:
        raise invalid("Cannot order by LastEventTime with a logStreamNamePrefix.")
    rows = account.store.all("SELECT * FROM log_streams WHERE group_id = ?", group["id"])
    rows = [row for row in rows if row["name"].startswith(prefix)]
    rows.sort(key=lambda row: ((row["last_at"] or 0) if by_time else 0, row["name"]))
    if parameters.get("descending"):
        rows.reverse()
    names = [row["name"] for row in rows]
    token = str(parameters.get("nextToken") or "")
    rows = rows[names.index(token) + 1 :] if token in names else rows
    return _page("logStreams", rows, parameters, lambda row: _shown_stream(account, group, row))


def _delete_stream(account: Account, caller: Caller, parameters: Parameters) -> dict[str, Any]:
    stream = find_stream(account, find_group(account, parameters), parameters)
    with account.store.write() as db:
        db.execute("DELETE FROM log_events WHERE stream_id = ?", (stream["id"],))
        db.execute("DELETE FROM log_streams WHERE id = ?", (stream["id"],))
    return {}


def _put_events(account: Account, caller: Caller, parameters: Parameters) -> dict[str, Any]:
    group = find_group(account, parameters)
    return log_events.put(account, group, find_stream(account, group, parameters), parameters.get("logEvents"))


def _get_events(account: Account, caller: Caller, parameters: Parameters) -> dict[str, Any]:
    group = find_group(account, parameters)
    return log_events.get(account, group, find_stream(account, group, parameters), parameters)


def _filter_events(account: Account, caller: Caller, parameters: Parameters) -> dict[str, Any]:
    return log_events.search(account, find_group(account, parameters), parameters)


OPERATIONS: dict[str, Callable[[Account, Caller, Parameters], dict[str, Any]]] = {
    "CreateLogGroup": _create_group, "DeleteLogGroup": _delete_group, "DescribeLogGroups": _describe_groups,
    "PutRetentionPolicy": _put_retention, "DeleteRetentionPolicy": _delete_retention,
    "AssociateKmsKey": _associate_key, "DisassociateKmsKey": _disassociate_key,
    "TagResource": _tag, "UntagResource": _untag, "ListTagsForResource": _list_tags,
    "TagLogGroup": _tag, "UntagLogGroup": _untag, "ListTagsLogGroup": _list_tags,
    "CreateLogStream": _create_stream, "DescribeLogStreams": _describe_streams, "DeleteLogStream": _delete_stream,
    "PutLogEvents": _put_events, "GetLogEvents": _get_events, "FilterLogEvents": _filter_events,
}  # fmt: skip


def find_group(account: Account, parameters: Parameters) -> sqlite3.Row:
    row = account.store.one("SELECT * FROM log_groups WHERE name = ?", parameters["logGroupName"])
    if row is None:
        raise AwsError("ResourceNotFoundException", "The specified log group does not exist.")
    return row


def find_stream(account: Account, group: sqlite3.Row, parameters: Parameters) -> sqlite3.Row:
    name = str(parameters.get("logStreamName") or "")
    row = account.store.one("SELECT * FROM log_streams WHERE group_id = ? AND name = ?", group["id"], name)
    if row is None:
        raise AwsError("ResourceNotFoundException", "The specified log stream does not exist.")
    return row


def invalid(message: str) -> AwsError:
    return AwsError("InvalidParameterException", message)


def _update_group(account: Account, parameters: Parameters, column: str, value: Any) -> dict[str, Any]:
    group = find_group(account, parameters)
    with account.store.write() as db:
        db.execute(f"UPDATE log_groups SET {column} = ? WHERE id = ?", (value, group["id"]))  # noqa: S608
    return {}


def _retag(
    account: Account, parameters: Parameters, change: Callable[[dict[str, str]], dict[str, str]]
) -> dict[str, Any]:
    group = find_group(account, parameters)
    with account.store.write() as db:
        row = db.execute("SELECT tags FROM log_groups WHERE id = ?", (group["id"],)).fetchone()
        tags = change(json.loads(row["tags"]) if row else {})
        if len(tags) > 50:
            raise AwsError("TooManyTagsException", "A log group can have at most 50 tags.")
        db.execute("UPDATE log_groups SET tags = ? WHERE id = ?", (json.dumps(tags), group["id"]))
    return {}


def _usable_kms_key(account: Account, reference: Any) -> str:
    """The key's ARN, or '' for none; a key that cannot be used now is refused at once."""
    if not reference:
        return ""
    try:
        row = kms.find(account, reference)
        kms.require_enabled(account, row)
    except AwsError as error:
        raise invalid(f"The specified KMS key does not exist or cannot be used: {error.message}") from error
    return kms.arn_of(account, row["id"])


def _shown_group(account: Account, row: sqlite3.Row) -> dict[str, Any]:
    arn = account.arn("logs", f"log-group:{row['name']}")
    stored = account.store.one("SELECT coalesce(sum(bytes), 0) AS n FROM log_streams WHERE group_id = ?", row["id"])
    shown = {
        "logGroupName": row["name"], "creationTime": row["created_at"], "metricFilterCount": 0,
        "arn": f"{arn}:*", "logGroupArn": arn, "logGroupClass": "STANDARD", "storedBytes": stored["n"] if stored else 0,
    }  # fmt: skip
    optional = {"retentionInDays": row["retention_days"], "kmsKeyId": row["kms_key"]}
    return {**shown, **{name: value for name, value in optional.items() if value}}


def _shown_stream(account: Account, group: sqlite3.Row, row: sqlite3.Row) -> dict[str, Any]:
    shown = {
        "logStreamName": row["name"], "creationTime": row["created_at"], "storedBytes": row["bytes"],
        "arn": account.arn("logs", f"log-group:{group['name']}:log-stream:{row['name']}"),
    }  # fmt: skip
    times = {"firstEventTimestamp": row["first_at"], "lastEventTimestamp": row["last_at"]}
    times["lastIngestionTime"] = row["ingested_at"]
    return {**shown, **{name: value for name, value in times.items() if value is not None}}


def _page(
    member: str, rows: list[sqlite3.Row], parameters: Parameters, shown: Callable[[sqlite3.Row], dict[str, Any]]
) -> dict[str, Any]:
    limit = parameters.get("limit") or 50
    if not isinstance(limit, int) or not 1 <= limit <= 50:
        raise invalid("limit must be between 1 and 50.")
    more = {"nextToken": rows[limit - 1]["name"]} if len(rows) > limit else {}
    return {member: [shown(row) for row in rows[:limit]], **more}


def _valid(pattern: re.Pattern[str], value: Any, field: str) -> str:
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise invalid(f"{field} must match {pattern.pattern}.")
    return value


def _tags(tags: Any) -> dict[str, str]:
    if tags is not None and not isinstance(tags, dict):
        raise invalid("tags must be an object.")
    return {str(key): str(value) for key, value in (tags or {}).items()}
