"""Salted commitments: what a leaf holds instead of a personal value.

Without its salt a commitment says nothing about the value, so destroying the salt is forgetting the value while every
proof over the leaf stays valid.
"""

import hashlib
import secrets


def new_salt() -> bytes:
    """32 random bytes."""
    return secrets.token_bytes(32)


def commitment(salt: bytes, field: str, value: str) -> str:
    """Return hex SHA-256(salt || field || 0x00 || value), texts in UTF-8; the capture trigger computes the same."""
    if len(salt) != 32:
        raise ValueError("a salt has 32 bytes")
    if "\0" in field:
        raise ValueError("a field's name holds no NUL")
    return hashlib.sha256(salt + field.encode() + b"\0" + value.encode()).hexdigest()
