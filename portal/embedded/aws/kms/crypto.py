"""Encrypting with a key: a ciphertext names its key in clear, and opens only with it and the same context."""

from __future__ import annotations

import base64
import binascii
import json
import secrets
import sqlite3
from typing import TYPE_CHECKING, Any

from ..errors import AwsError
from .keys import arn_of, invalid, require_enabled

if TYPE_CHECKING:
    from ..account import Account

Parameters = dict[str, Any]
ID_BYTES = 36


def encrypt(account: Account, row: sqlite3.Row, parameters: Parameters) -> dict[str, Any]:
    require_enabled(account, row)
    plain = blob(parameters, "Plaintext")
    if not 0 < len(plain) <= 4096:
        raise invalid("Plaintext must have 1 to 4096 bytes.")
    sealed = _seal(account, row, plain, parameters)
    shown = {"CiphertextBlob": sealed, "EncryptionAlgorithm": "SYMMETRIC_DEFAULT"}
    return {**shown, "KeyId": arn_of(account, row["id"])}


def decrypt(account: Account, row: sqlite3.Row, parameters: Parameters) -> dict[str, Any]:
    require_enabled(account, row)
    sealed = blob(parameters, "CiphertextBlob")[ID_BYTES:]
    try:
        plain = account.keyring.unwrap(row["id"], sealed, _context(parameters))
    except ValueError as error:
        raise AwsError("InvalidCiphertextException", "") from error
    shown = {"Plaintext": base64.b64encode(plain).decode(), "EncryptionAlgorithm": "SYMMETRIC_DEFAULT"}
    return {**shown, "KeyId": arn_of(account, row["id"])}


def generate_data_key(account: Account, row: sqlite3.Row, parameters: Parameters) -> dict[str, Any]:
    answer = _data_key(account, row, parameters)
    return answer


def generate_data_key_without_plaintext(account: Account, row: sqlite3.Row, parameters: Parameters) -> dict[str, Any]:
    answer = _data_key(account, row, parameters)
    del answer["Plaintext"]
    return answer


def blob(parameters: Parameters, field: str) -> bytes:
    try:
        return base64.b64decode(parameters[field], validate=True)
    except (KeyError, TypeError, ValueError, binascii.Error) as error:
        raise invalid(f"{field} must be base64.") from error


def _data_key(account: Account, row: sqlite3.Row, parameters: Parameters) -> dict[str, Any]:
    require_enabled(account, row)
    sizes = {"AES_256": 32, "AES_128": 16}
    size = sizes.get(str(parameters.get("KeySpec")), parameters.get("NumberOfBytes"))
    if not isinstance(size, int) or not 1 <= size <= 1024:
        raise invalid("Give KeySpec or NumberOfBytes between 1 and 1024.")
    plain = secrets.token_bytes(size)
    sealed = _seal(account, row, plain, parameters)
    return {
        "CiphertextBlob": sealed, "Plaintext": base64.b64encode(plain).decode(), "KeyId": arn_of(account, row["id"])
    }  # fmt: skip


def _seal(account: Account, row: sqlite3.Row, plain: bytes, parameters: Parameters) -> str:
    sealed = account.keyring.wrap(row["id"], plain, _context(parameters))
    return base64.b64encode(row["id"].encode() + sealed).decode()


def _context(parameters: Parameters) -> bytes:
    return json.dumps(parameters.get("EncryptionContext") or {}, sort_keys=True).encode()
