"""KMS keys, aliases and tags, and encryption with them; a disabled or deleted key refuses every use.

The JSON protocol of `TrentService`. Material is in `keyring.Keyring`; ciphertexts name their key in clear.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import secrets
import sqlite3
import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from . import policy
from .access import Caller, Guarded, require
from .errors import AwsError
from .store import now_ms

if TYPE_CHECKING:
    from .account import Account

SCHEMA = """
CREATE TABLE IF NOT EXISTS kms_keys (
    id TEXT PRIMARY KEY, description TEXT NOT NULL, state TEXT NOT NULL, policy TEXT NOT NULL,
    tags TEXT NOT NULL, created_at INTEGER NOT NULL, deletion_at INTEGER, rotates INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS kms_aliases (
    name TEXT PRIMARY KEY, key_id TEXT NOT NULL, created_at INTEGER NOT NULL
);
"""
DAY_MS = 24 * 3600 * 1000
ID_BYTES = 36
Parameters = dict[str, Any]
FIELDS: dict[type, set[str]] = {
    str: {
        "AliasName", "CiphertextBlob", "Description", "KeyId", "KeySpec", "KeyUsage", "Marker", "Plaintext", "Policy",
        "TargetKeyId",
    },
    int: {"Limit", "NumberOfBytes", "PendingWindowInDays"},
    list: {"TagKeys", "Tags"},
    dict: {"EncryptionContext"},
}  # fmt: skip


def call(account: Account, caller: Caller, action: str, parameters: Parameters) -> dict[str, Any]:
    """Runs one KMS action and returns its JSON answer."""
    purge_expired(account)
    if action in ACCOUNT_OPERATIONS:
        require(account, caller, Guarded(f"kms:{action}", "*", service_error="AccessDeniedException"))
        return ACCOUNT_OPERATIONS[action](account, parameters)
    if action not in KEY_OPERATIONS:
        raise AwsError("UnknownOperationException", f"The AWS double knows no KMS action {action}.")
    row = _target(account, action, parameters)
    require_use(account, caller, row, action)
    return KEY_OPERATIONS[action](account, row, parameters)


def find(account: Account, reference: Any) -> sqlite3.Row:
    """A key by id, key ARN, alias or alias ARN."""
    name = str(reference)
    if name.startswith("arn:"):
        prefix = account.arn("kms", "")
        if not name.startswith(prefix):
            raise _not_found(name)
        name = name.removeprefix(prefix).removeprefix("key/")
    sql = "SELECT k.* FROM kms_keys k LEFT JOIN kms_aliases a ON a.key_id = k.id AND a.name = ?1 "
    row = account.store.one(sql + "WHERE k.id = ?1 OR a.name = ?1", name)
    if row is None:
        raise _not_found(str(reference))
    return row


def require_use(account: Account, caller: Caller, row: sqlite3.Row, action: str) -> None:
    """The key's own policy must let the caller in, or leave the decision to the account's identity policies."""
    resource = arn_of(account, row["id"])
    error = "AccessDeniedException"
    guarded = Guarded(f"kms:{action}", resource, row["policy"], service_error=error)
    access = policy.Access(account.root_arn, guarded.action, resource, caller.context)
    delegates = policy.decide(access, policy.load(row["policy"]), resource_policy=True) == "Allow"
    if not delegates and not caller.is_root:
        access = policy.Access(caller.arn, guarded.action, resource, caller.context)
        if policy.decide(access, policy.load(row["policy"]), resource_policy=True) != "Allow":
            raise AwsError(error, f"User: {caller.arn} is not authorized to perform: {guarded.action}", 400)
    require(account, caller, guarded)


def require_enabled(account: Account, row: sqlite3.Row) -> None:
    if row["state"] == "Disabled":
        raise AwsError("DisabledException", f"{arn_of(account, row['id'])} is disabled.")
    if row["state"] != "Enabled":
        raise AwsError("KMSInvalidStateException", f"{arn_of(account, row['id'])} is pending deletion.")


def arn_of(account: Account, key_id: str) -> str:
    return account.arn("kms", f"key/{key_id}")


def tagged(account: Account) -> list[tuple[str, dict[str, str]]]:
    """Every key's ARN with its tags; keys that wait for their deletion are still there, as in AWS."""
    rows = account.store.all("SELECT id, tags FROM kms_keys")
    return [(arn_of(account, row["id"]), json.loads(row["tags"])) for row in rows]


def purge_expired(account: Account) -> None:
    """Destroys the material of keys whose waiting period is over; from then on they were never there."""
    due = account.store.all("SELECT id FROM kms_keys WHERE deletion_at <= ?", now_ms())
    for row in due:
        account.keyring.destroy(row["id"])
        with account.store.write() as db:
            db.execute("DELETE FROM kms_aliases WHERE key_id = ?", (row["id"],))
            db.execute("DELETE FROM kms_keys WHERE id = ?", (row["id"],))


def _target(account: Account, action: str, parameters: Parameters) -> sqlite3.Row:
    if action == "Decrypt":
        key_id = _blob(parameters, "CiphertextBlob")[:ID_BYTES].decode("ascii", "replace")
        row = account.store.one("SELECT * FROM kms_keys WHERE id = ?", key_id)
        if row is None:
            raise AwsError("InvalidCiphertextException", "The ciphertext is not one of this account's.")
        if "KeyId" in parameters and find(account, parameters["KeyId"])["id"] != key_id:
            raise AwsError("IncorrectKeyException", "The ciphertext was made with another key.")
        return row
    if action == "DeleteAlias":
        return find(account, _alias_name(parameters))
    return find(account, parameters.get("KeyId") or parameters.get("TargetKeyId") or "")


def _create_key(account: Account, parameters: Parameters) -> dict[str, Any]:
    if parameters.get("KeySpec", "SYMMETRIC_DEFAULT") != "SYMMETRIC_DEFAULT":
        raise AwsError("UnsupportedOperationException", "The AWS double makes symmetric keys only.")
    document = parameters.get("Policy") or _default_policy(account)
    policy.parse(document, needs_principal=True)
    key_id, tags = str(uuid.uuid4()), _tags(parameters)
    account.keyring.create(key_id)
    with account.store.write() as db:
        db.execute(
            "INSERT INTO kms_keys (id, description, state, policy, tags, created_at) VALUES (?, ?, 'Enabled', ?, ?, ?)",
            (key_id, str(parameters.get("Description", "")), document, json.dumps(tags), now_ms()),
        )
    return {"KeyMetadata": _metadata(account, find(account, key_id))}


def _list_keys(account: Account, parameters: Parameters) -> dict[str, Any]:
    rows = account.store.all("SELECT id FROM kms_keys WHERE id > ? ORDER BY id", str(parameters.get("Marker", "")))
    page, more = _page(rows, parameters)
    keys = [{"KeyId": row["id"], "KeyArn": arn_of(account, row["id"])} for row in page]
    return {"Keys": keys, "Truncated": more, **({"NextMarker": page[-1]["id"]} if more else {})}


def _list_aliases(account: Account, parameters: Parameters) -> dict[str, Any]:
    rows = account.store.all(
        "SELECT * FROM kms_aliases WHERE name > ? ORDER BY name", str(parameters.get("Marker", ""))
    )
    if "KeyId" in parameters:
        wanted = find(account, parameters["KeyId"])["id"]
        rows = [row for row in rows if row["key_id"] == wanted]
    page, more = _page(rows, parameters)
    aliases = [
        {
            "AliasName": row["name"], "AliasArn": account.arn("kms", row["name"]), "TargetKeyId": row["key_id"],
            "CreationDate": row["created_at"] / 1000,
        }
        for row in page
    ]  # fmt: skip
    return {"Aliases": aliases, "Truncated": more, **({"NextMarker": page[-1]["name"]} if more else {})}


def _describe_key(account: Account, row: sqlite3.Row, parameters: Parameters) -> dict[str, Any]:
    return {"KeyMetadata": _metadata(account, row)}


def _create_alias(account: Account, row: sqlite3.Row, parameters: Parameters) -> dict[str, Any]:
    name = _alias_name(parameters)
    try:
        with account.store.write() as db:
            db.execute("INSERT INTO kms_aliases VALUES (?, ?, ?)", (name, row["id"], now_ms()))
    except sqlite3.IntegrityError as error:
        raise AwsError("AlreadyExistsException", f"An alias with the name {name} already exists.") from error
    return {}


def _update_alias(account: Account, row: sqlite3.Row, parameters: Parameters) -> dict[str, Any]:
    name = _alias_name(parameters)
    with account.store.write() as db:
        if not db.execute("UPDATE kms_aliases SET key_id = ? WHERE name = ?", (row["id"], name)).rowcount:
            raise _not_found(name)
    return {}


def _delete_alias(account: Account, row: sqlite3.Row, parameters: Parameters) -> dict[str, Any]:
    with account.store.write() as db:
        db.execute("DELETE FROM kms_aliases WHERE name = ?", (_alias_name(parameters),))
    return {}


def _tag_resource(account: Account, row: sqlite3.Row, parameters: Parameters) -> dict[str, Any]:
    added = _tags(parameters)
    with account.store.write() as db:
        _set_tags(db, row["id"], {**_tags_under_lock(db, row["id"]), **added})
    return {}


def _untag_resource(account: Account, row: sqlite3.Row, parameters: Parameters) -> dict[str, Any]:
    gone = set(parameters.get("TagKeys", []))
    with account.store.write() as db:
        kept = {key: value for key, value in _tags_under_lock(db, row["id"]).items() if key not in gone}
        _set_tags(db, row["id"], kept)
    return {}


def _list_resource_tags(account: Account, row: sqlite3.Row, parameters: Parameters) -> dict[str, Any]:
    tags = sorted(json.loads(row["tags"]).items())
    return {"Tags": [{"TagKey": key, "TagValue": value} for key, value in tags], "Truncated": False}


def _enable_key(account: Account, row: sqlite3.Row, parameters: Parameters) -> dict[str, Any]:
    return _set_state(account, row, "Enabled", {"Enabled", "Disabled"})


def _disable_key(account: Account, row: sqlite3.Row, parameters: Parameters) -> dict[str, Any]:
    return _set_state(account, row, "Disabled", {"Enabled", "Disabled"})


def _cancel_key_deletion(account: Account, row: sqlite3.Row, parameters: Parameters) -> dict[str, Any]:
    _set_state(account, row, "Disabled", {"PendingDeletion"})
    return {"KeyId": arn_of(account, row["id"])}


def _schedule_key_deletion(account: Account, row: sqlite3.Row, parameters: Parameters) -> dict[str, Any]:
    days = parameters.get("PendingWindowInDays", 30)
    if not isinstance(days, int) or not 7 <= days <= 30:
        raise _invalid("PendingWindowInDays must be between 7 and 30.")
    deletion_at = now_ms() + days * DAY_MS
    _set_state(account, row, "PendingDeletion", {"Enabled", "Disabled"}, deletion_at)
    shown = {"KeyId": arn_of(account, row["id"]), "KeyState": "PendingDeletion", "PendingWindowInDays": days}
    return {**shown, "DeletionDate": deletion_at / 1000}


def _encrypt(account: Account, row: sqlite3.Row, parameters: Parameters) -> dict[str, Any]:
    require_enabled(account, row)
    plain = _blob(parameters, "Plaintext")
    if not 0 < len(plain) <= 4096:
        raise _invalid("Plaintext must have 1 to 4096 bytes.")
    sealed = _seal(account, row, plain, parameters)
    shown = {"CiphertextBlob": sealed, "EncryptionAlgorithm": "SYMMETRIC_DEFAULT"}
    return {**shown, "KeyId": arn_of(account, row["id"])}


def _decrypt(account: Account, row: sqlite3.Row, parameters: Parameters) -> dict[str, Any]:
    require_enabled(account, row)
    sealed = _blob(parameters, "CiphertextBlob")[ID_BYTES:]
    try:
        plain = account.keyring.unwrap(row["id"], sealed, _context(parameters))
    except ValueError as error:
        raise AwsError("InvalidCiphertextException", "") from error
    shown = {"Plaintext": base64.b64encode(plain).decode(), "EncryptionAlgorithm": "SYMMETRIC_DEFAULT"}
    return {**shown, "KeyId": arn_of(account, row["id"])}


def _generate_data_key(account: Account, row: sqlite3.Row, parameters: Parameters) -> dict[str, Any]:
    answer = _data_key(account, row, parameters)
    return answer


def _generate_data_key_without_plaintext(account: Account, row: sqlite3.Row, parameters: Parameters) -> dict[str, Any]:
    answer = _data_key(account, row, parameters)
    del answer["Plaintext"]
    return answer


def _data_key(account: Account, row: sqlite3.Row, parameters: Parameters) -> dict[str, Any]:
    require_enabled(account, row)
    sizes = {"AES_256": 32, "AES_128": 16}
    size = sizes.get(str(parameters.get("KeySpec")), parameters.get("NumberOfBytes"))
    if not isinstance(size, int) or not 1 <= size <= 1024:
        raise _invalid("Give KeySpec or NumberOfBytes between 1 and 1024.")
    plain = secrets.token_bytes(size)
    sealed = _seal(account, row, plain, parameters)
    return {
        "CiphertextBlob": sealed, "Plaintext": base64.b64encode(plain).decode(), "KeyId": arn_of(account, row["id"])
    }  # fmt: skip


def _get_key_policy(account: Account, row: sqlite3.Row, parameters: Parameters) -> dict[str, Any]:
    return {"Policy": row["policy"], "PolicyName": "default"}


def _put_key_policy(account: Account, row: sqlite3.Row, parameters: Parameters) -> dict[str, Any]:
    document = str(parameters.get("Policy", ""))
    policy.parse(document, needs_principal=True)
    with account.store.write() as db:
        db.execute("UPDATE kms_keys SET policy = ? WHERE id = ?", (document, row["id"]))
    return {}


def _get_key_rotation_status(account: Account, row: sqlite3.Row, parameters: Parameters) -> dict[str, Any]:
    return {"KeyRotationEnabled": bool(row["rotates"]), "KeyId": arn_of(account, row["id"])}


def _enable_key_rotation(account: Account, row: sqlite3.Row, parameters: Parameters) -> dict[str, Any]:
    """Recorded only: the double keeps one version of the material."""
    with account.store.write() as db:
        db.execute("UPDATE kms_keys SET rotates = 1 WHERE id = ?", (row["id"],))
    return {}


ACCOUNT_OPERATIONS: dict[str, Callable[[Account, Parameters], dict[str, Any]]] = {
    "CreateKey": _create_key, "ListKeys": _list_keys, "ListAliases": _list_aliases,
}  # fmt: skip
KEY_OPERATIONS: dict[str, Callable[[Account, sqlite3.Row, Parameters], dict[str, Any]]] = {
    "DescribeKey": _describe_key, "CreateAlias": _create_alias, "UpdateAlias": _update_alias,
    "DeleteAlias": _delete_alias, "TagResource": _tag_resource, "UntagResource": _untag_resource,
    "ListResourceTags": _list_resource_tags, "EnableKey": _enable_key, "DisableKey": _disable_key,
    "ScheduleKeyDeletion": _schedule_key_deletion, "CancelKeyDeletion": _cancel_key_deletion,
    "Encrypt": _encrypt, "Decrypt": _decrypt, "GenerateDataKey": _generate_data_key,
    "GenerateDataKeyWithoutPlaintext": _generate_data_key_without_plaintext,
    "GetKeyPolicy": _get_key_policy, "PutKeyPolicy": _put_key_policy,
    "GetKeyRotationStatus": _get_key_rotation_status, "EnableKeyRotation": _enable_key_rotation,
}  # fmt: skip


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


def _set_tags(db: sqlite3.Connection, key_id: str, tags: dict[str, str]) -> None:
    if len(tags) > 50:
        raise AwsError("LimitExceededException", "A key can have at most 50 tags.")
    db.execute("UPDATE kms_keys SET tags = ? WHERE id = ?", (json.dumps(tags), key_id))


def _tags_under_lock(db: sqlite3.Connection, key_id: str) -> dict[str, str]:
    row = db.execute("SELECT tags FROM kms_keys WHERE id = ?", (key_id,)).fetchone()
    return json.loads(row["tags"]) if row else {}


def _seal(account: Account, row: sqlite3.Row, plain: bytes, parameters: Parameters) -> str:
    sealed = account.keyring.wrap(row["id"], plain, _context(parameters))
    return base64.b64encode(row["id"].encode() + sealed).decode()


def _context(parameters: Parameters) -> bytes:
    return json.dumps(parameters.get("EncryptionContext") or {}, sort_keys=True).encode()


def _metadata(account: Account, row: sqlite3.Row) -> dict[str, Any]:
    metadata = {
        "AWSAccountId": account.id, "KeyId": row["id"], "Arn": arn_of(account, row["id"]),
        "CreationDate": row["created_at"] / 1000, "Enabled": row["state"] == "Enabled",
        "Description": row["description"], "KeyUsage": "ENCRYPT_DECRYPT", "KeyState": row["state"],
        "Origin": "AWS_KMS", "KeyManager": "CUSTOMER", "CustomerMasterKeySpec": "SYMMETRIC_DEFAULT",
        "KeySpec": "SYMMETRIC_DEFAULT", "EncryptionAlgorithms": ["SYMMETRIC_DEFAULT"], "MultiRegion": False,
    }  # fmt: skip
    return {**metadata, "DeletionDate": row["deletion_at"] / 1000} if row["deletion_at"] else metadata


def _tags(parameters: Parameters) -> dict[str, str]:
    tags = parameters.get("Tags", [])
    if not isinstance(tags, list) or not all(isinstance(tag, dict) and tag.get("TagKey") for tag in tags):
        raise AwsError("TagException", "Tags must be a list of TagKey and TagValue.")
    return {str(tag["TagKey"]): str(tag.get("TagValue", "")) for tag in tags}


def _alias_name(parameters: Parameters) -> str:
    name = str(parameters.get("AliasName", ""))
    if not re.fullmatch(r"alias/[A-Za-z0-9/_-]{1,250}", name) or name.startswith("alias/aws/"):
        raise AwsError("InvalidAliasNameException", "An alias is alias/ and up to 250 of [A-Za-z0-9/_-].")
    return name


def _blob(parameters: Parameters, field: str) -> bytes:
    try:
        return base64.b64decode(parameters[field], validate=True)
    except (KeyError, TypeError, ValueError, binascii.Error) as error:
        raise _invalid(f"{field} must be base64.") from error


def _page(rows: list[sqlite3.Row], parameters: Parameters) -> tuple[list[sqlite3.Row], bool]:
    limit = parameters.get("Limit", 100)
    if not isinstance(limit, int) or not 1 <= limit <= 1000:
        raise _invalid("Limit must be between 1 and 1000.")
    return rows[:limit], len(rows) > limit


def _default_policy(account: Account) -> str:
    statement = {"Effect": "Allow", "Principal": {"AWS": account.root_arn}, "Action": "kms:*", "Resource": "*"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def _invalid(message: str) -> AwsError:
    return AwsError("ValidationException", message)


def _not_found(reference: str) -> AwsError:
    kind = "Alias" if "alias/" in reference else "Key"
    return AwsError("NotFoundException", f"{kind} '{reference}' does not exist.")
