"""Key material in files beside the index, mode 0600: deleting a key's file makes what it wrapped unreadable for good.

On a laptop that holds only as far as the file system forgets; a backup of this directory keeps every key in it.
"""

from __future__ import annotations

import os
import secrets
from functools import lru_cache
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

NONCE = 12


class Keyring:
    def __init__(self, root: Path) -> None:
        self._root = root
        root.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._cipher = lru_cache(maxsize=256)(self._load)

    def create(self, name: str) -> None:
        descriptor = os.open(self._path(name), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(32))
            file.flush()
            os.fsync(file.fileno())

    def ensure(self, name: str) -> None:
        if not self._path(name).exists():
            self.create(name)

    def destroy(self, name: str) -> None:
        self._path(name).unlink(missing_ok=True)
        self._cipher.cache_clear()

    def wrap(self, name: str, plain: bytes, context: bytes = b"") -> bytes:
        nonce = secrets.token_bytes(NONCE)
        return nonce + self._cipher(name).encrypt(nonce, plain, context)

    def unwrap(self, name: str, wrapped: bytes, context: bytes = b"") -> bytes:
        """Raises ValueError when the key, the context or the bytes are not those of `wrap`."""
        try:
            return self._cipher(name).decrypt(wrapped[:NONCE], wrapped[NONCE:], context)
        except InvalidTag as error:
            raise ValueError("the ciphertext does not belong to this key and context") from error

    def _path(self, name: str) -> Path:
        return self._root / f"{name}.key"

    def _load(self, name: str) -> AESGCM:
        return AESGCM(self._path(name).read_bytes())
