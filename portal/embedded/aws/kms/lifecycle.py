"""Making, describing, switching and ending keys, and their policies."""

from __future__ import annotations

import json
import sqlite3
import uuid
from typing import TYPE_CHECKING, Any

from .. import policy
from ..errors import AwsError
from ..store import now_ms
from .keys import arn_of, find, invalid
from .labels import page, parse_tags

if TYPE_CHECKING:
    from ..account import Account

Parameters = dict[str, Any]
DAY_MS = 24 * 3600 * 1000


def create_key(account: Account, parameters: Parameters) -> dict[str, Any]:
    if parameters.get("KeySpec", "SYMMETRIC_DEFAULT") != "SYMMETRIC_DEFAULT":
        raise AwsError("UnsupportedOperationException", "The AWS double makes symmetric keys only.")
    document = parameters.get("Policy") or _default_policy(account)
    policy.parse(document, needs_principal=True)
    key_id, tags = str(uuid.uuid4()), parse_tags(parameters)
    account.keyring.create(key_id)
    with account.store.write() as db:
        db.execute(
            "INSERT INTO kms_keys (id, description, state, policy, tags, created_at) VALUES (?, ?, 'Enabled', ?, ?, ?)",
            (key_id, str(parameters.get("Description", "")), document, json.dumps(tags), now_ms()),
        )
    return {"KeyMetadata": _metadata(account, find(account, key_id))}


def list_keys(account: Account, parameters: Parameters) -> dict[str, Any]:
    rows = account.store.all("SELECT id FROM kms_keys WHERE id > ? ORDER BY id", str(parameters.get("Marker", "")))
    shown, more = page(rows, parameters)
    keys = [{"KeyId": row["id"], "KeyArn": arn_of(account, row["id"])} for row in shown]
    return {"Keys": keys, "Truncated": more, **({"NextMarker": shown[-1]["id"]} if more else {})}


def describe_key(account: Account, row: sqlite3.Row, parameters: Parameters) -> dict[str, Any]:
    return {"KeyMetadata": _metadata(account, row)}


def enable_key(account: Account, row: sqlite3.Row, parameters: Parameters) -> dict[str, Any]:
    return _set_state(account, row, "Enabled", {"Enabled", "Disabled"})


def disable_key(account: Account, row: sqlite3.Row, parameters: Parameters) -> dict[str, Any]:
    return _set_state(account, row, "Disabled", {"Enabled", "Disabled"})


def cancel_key_deletion(account: Account, row: sqlite3.Row, parameters: Parameters) -> dict[str, Any]:
    _set_state(account, row, "Disabled", {"PendingDeletion"})
    return {"KeyId": arn_of(account, row["id"])}


def schedule_key_deletion(account: Account, row: sqlite3.Row, parameters: Parameters) -> dict[str, Any]:
    days = parameters.get("PendingWindowInDays", 30)
    if not isinstance(days, int) or not 7 <= days <= 30:
        raise invalid("PendingWindowInDays must be between 7 and 30.")
    deletion_at = now_ms() + days * DAY_MS
    _set_state(account, row, "PendingDeletion", {"Enabled", "Disabled"}, deletion_at)
    shown = {"KeyId": arn_of(account, row["id"]), "KeyState": "PendingDeletion", "PendingWindowInDays": days}
    return {**shown, "DeletionDate": deletion_at / 1000}


def get_key_policy(account: Account, row: sqlite3.Row, parameters: Parameters) -> dict[str, Any]:
    return {"Policy": row["policy"], "PolicyName": "default"}


def put_key_policy(account: Account, row: sqlite3.Row, parameters: Parameters) -> dict[str, Any]:
    document = str(parameters.get("Policy", ""))
    policy.parse(document, needs_principal=True)
    with account.store.write() as db:
        db.execute("UPDATE kms_keys SET policy = ? WHERE id = ?", (document, row["id"]))
    return {}


def get_key_rotation_status(account: Account, row: sqlite3.Row, parameters: Parameters) -> dict[str, Any]:
    return {"KeyRotationEnabled": bool(row["rotates"]), "KeyId": arn_of(account, row["id"])}


def enable_key_rotation(account: Account, row: sqlite3.Row, parameters: Parameters) -> dict[str, Any]:
    """Recorded only: the double keeps one version of the material."""
    with account.store.write() as db:
        db.execute("UPDATE kms_keys SET rotates = 1 WHERE id = ?", (row["id"],))
    return {}


def _set_state(
    account: Account, row: sqlite3.Row, state: str, sources: set[str], deletion_at: int | None = None
) -> dict[str, Any]:
    with account.store.write() as db:
        current = db.execute("SELECT state FROM kms_keys WHERE id = ?", (row["id"],)).fetchone()
        if current is None or current["state"] not in sources:
            shown = current["state"] if current else "deleted"
            raise AwsError("KMSInvalidStateException", f"{arn_of(account, row['id'])} is {shown}.")
        change = (state, deletion_at, row["id"])
        db.execute("UPDATE kms_keys SET state = ?, deletion_at = ? WHERE id = ?", change)
    return {}


def _metadata(account: Account, row: sqlite3.Row) -> dict[str, Any]:
    metadata = {
        "AWSAccountId": account.id, "KeyId": row["id"], "Arn": arn_of(account, row["id"]),
        "CreationDate": row["created_at"] / 1000, "Enabled": row["state"] == "Enabled",
        "Description": row["description"], "KeyUsage": "ENCRYPT_DECRYPT", "KeyState": row["state"],
        "Origin": "AWS_KMS", "KeyManager": "CUSTOMER", "CustomerMasterKeySpec": "SYMMETRIC_DEFAULT",
        "KeySpec": "SYMMETRIC_DEFAULT", "EncryptionAlgorithms": ["SYMMETRIC_DEFAULT"], "MultiRegion": False,
    }  # fmt: skip
    return {**metadata, "DeletionDate": row["deletion_at"] / 1000} if row["deletion_at"] else metadata


def _default_policy(account: Account) -> str:
    statement = {"Effect": "Allow", "Principal": {"AWS": account.root_arn}, "Action": "kms:*", "Resource": "*"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})
