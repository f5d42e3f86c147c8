"""Which function answers a KMS action, and the key it is about (the JSON protocol of `TrentService`)."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..access import Caller, Guarded, require
from ..errors import AwsError
from . import crypto, labels, lifecycle
from .keys import find, purge_expired, require_use

if TYPE_CHECKING:
    from ..account import Account

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
ACCOUNT_OPERATIONS: dict[str, Callable[[Account, Parameters], dict[str, Any]]] = {
    "CreateKey": lifecycle.create_key, "ListKeys": lifecycle.list_keys, "ListAliases": labels.list_aliases,
}  # fmt: skip
KEY_OPERATIONS: dict[str, Callable[[Account, sqlite3.Row, Parameters], dict[str, Any]]] = {
    "DescribeKey": lifecycle.describe_key,
    "CreateAlias": labels.create_alias,
    "UpdateAlias": labels.update_alias,
    "DeleteAlias": labels.delete_alias,
    "TagResource": labels.tag_resource,
    "UntagResource": labels.untag_resource,
    "ListResourceTags": labels.list_resource_tags,
    "EnableKey": lifecycle.enable_key,
    "DisableKey": lifecycle.disable_key,
    "ScheduleKeyDeletion": lifecycle.schedule_key_deletion,
    "CancelKeyDeletion": lifecycle.cancel_key_deletion,
    "Encrypt": crypto.encrypt,
    "Decrypt": crypto.decrypt,
    "GenerateDataKey": crypto.generate_data_key,
    "GenerateDataKeyWithoutPlaintext": crypto.generate_data_key_without_plaintext,
    "GetKeyPolicy": lifecycle.get_key_policy,
    "PutKeyPolicy": lifecycle.put_key_policy,
    "GetKeyRotationStatus": lifecycle.get_key_rotation_status,
    "EnableKeyRotation": lifecycle.enable_key_rotation,
}


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


def _target(account: Account, action: str, parameters: Parameters) -> sqlite3.Row:
    if action == "Decrypt":
        key_id = crypto.blob(parameters, "CiphertextBlob")[: crypto.ID_BYTES].decode("ascii", "replace")
        row = account.store.one("SELECT * FROM kms_keys WHERE id = ?", key_id)
        if row is None:
            raise AwsError("InvalidCiphertextException", "The ciphertext is not one of this account's.")
        if "KeyId" in parameters and find(account, parameters["KeyId"])["id"] != key_id:
            raise AwsError("IncorrectKeyException", "The ciphertext was made with another key.")
        return row
    if action == "DeleteAlias":
        return find(account, labels.alias_name(parameters))
    return find(account, parameters.get("KeyId") or parameters.get("TargetKeyId") or "")
