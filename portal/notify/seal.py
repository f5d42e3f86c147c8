"""Addresses and secrets of channels, sealed with a key that lives outside the database."""

import json

from cryptography.fernet import Fernet
from django.conf import settings

from portal.lib.keys import read_or_create


def _box() -> Fernet:
    made = Fernet.generate_key() if settings.CREATE_SECRETS else None
    return Fernet(read_or_create(settings.SECRETS_DIR / "notify.key", made))


def seal(target: dict[str, str]) -> bytes:
    """Return the sealed form of a channel's target (AES-128-CBC with HMAC-SHA256, the Fernet format)."""
    return _box().encrypt(json.dumps(target).encode())


def unseal(sealed: bytes | memoryview) -> dict[str, str]:
    """Return what `seal` was given."""
    found: dict[str, str] = json.loads(_box().decrypt(bytes(sealed)))
    return found
