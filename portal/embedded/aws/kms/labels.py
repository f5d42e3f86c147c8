"""Aliases and tags of keys."""

from __future__ import annotations

import json
import re
import sqlite3
from typing import TYPE_CHECKING, Any

from ..errors import AwsError
from ..store import now_ms
from .keys import find, invalid, not_found

if TYPE_CHECKING:
    from ..account import Account

Parameters = dict[str, Any]


def list_aliases(account: Account, parameters: Parameters) -> dict[str, Any]:
    rows = account.store.all(
        "SELECT * FROM kms_aliases WHERE name > ? ORDER BY name", str(parameters.get("Marker", ""))
    )
    if "KeyId" in parameters:
        wanted = find(account, parameters["KeyId"])["id"]
        rows = [row for row in rows if row["key_id"] == wanted]
    shown, more = page(rows, parameters)
    aliases = [
        {
            "AliasName": row["name"], "AliasArn": account.arn("kms", row["name"]), "TargetKeyId": row["key_id"],
            "CreationDate": row["created_at"] / 1000,
        }
        for row in shown
    ]  # fmt: skip
    return {"Aliases": aliases, "Truncated": more, **({"NextMarker": shown[-1]["name"]} if more else {})}


def create_alias(account: Account, row: sqlite3.Row, parameters: Parameters) -> dict[str, Any]:
    name = alias_name(parameters)
    try:
        with account.store.write() as db:
            db.execute("INSERT INTO kms_aliases VALUES (?, ?, ?)", (name, row["id"], now_ms()))
    except sqlite3.IntegrityError as error:
        raise AwsError("AlreadyExistsException", f"An alias with the name {name} already exists.") from error
    return {}


def update_alias(account: Account, row: sqlite3.Row, parameters: Parameters) -> dict[str, Any]:
    name = alias_name(parameters)
    with account.store.write() as db:
        if not db.execute("UPDATE kms_aliases SET key_id = ? WHERE name = ?", (row["id"], name)).rowcount:
            raise not_found(name)
    return {}


def delete_alias(account: Account, row: sqlite3.Row, parameters: Parameters) -> dict[str, Any]:
    with account.store.write() as db:
        db.execute("DELETE FROM kms_aliases WHERE name = ?", (alias_name(parameters),))
    return {}


def alias_name(parameters: Parameters) -> str:
    name = str(parameters.get("AliasName", ""))
    if not re.fullmatch(r"alias/[A-Za-z0-9/_-]{1,250}", name) or name.startswith("alias/aws/"):
        raise AwsError("InvalidAliasNameException", "An alias is alias/ and up to 250 of [A-Za-z0-9/_-].")
    return name


def tag_resource(account: Account, row: sqlite3.Row, parameters: Parameters) -> dict[str, Any]:
    added = parse_tags(parameters)
    with account.store.write() as db:
        _set_tags(db, row["id"], {**_tags_under_lock(db, row["id"]), **added})
    return {}


def untag_resource(account: Account, row: sqlite3.Row, parameters: Parameters) -> dict[str, Any]:
    gone = set(parameters.get("TagKeys", []))
    with account.store.write() as db:
        kept = {key: value for key, value in _tags_under_lock(db, row["id"]).items() if key not in gone}
        _set_tags(db, row["id"], kept)
    return {}


def list_resource_tags(account: Account, row: sqlite3.Row, parameters: Parameters) -> dict[str, Any]:
    tags = sorted(json.loads(row["tags"]).items())
    return {"Tags": [{"TagKey": key, "TagValue": value} for key, value in tags], "Truncated": False}


def parse_tags(parameters: Parameters) -> dict[str, str]:
    tags = parameters.get("Tags", [])
    if not isinstance(tags, list) or not all(isinstance(tag, dict) and tag.get("TagKey") for tag in tags):
        raise AwsError("TagException", "Tags must be a list of TagKey and TagValue.")
    return {str(tag["TagKey"]): str(tag.get("TagValue", "")) for tag in tags}


def page(rows: list[sqlite3.Row], parameters: Parameters) -> tuple[list[sqlite3.Row], bool]:
    limit = parameters.get("Limit", 100)
    if not isinstance(limit, int) or not 1 <= limit <= 1000:
        raise invalid("Limit must be between 1 and 1000.")
    return rows[:limit], len(rows) > limit


def _set_tags(db: sqlite3.Connection, key_id: str, tags: dict[str, str]) -> None:
    if len(tags) > 50:
        raise AwsError("LimitExceededException", "A key can have at most 50 tags.")
    db.execute("UPDATE kms_keys SET tags = ? WHERE id = ?", (json.dumps(tags), key_id))


def _tags_under_lock(db: sqlite3.Connection, key_id: str) -> dict[str, str]:
    row = db.execute("SELECT tags FROM kms_keys WHERE id = ?", (key_id,)).fetchone()
    return json.loads(row["tags"]) if row else {}
