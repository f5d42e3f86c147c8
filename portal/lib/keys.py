"""Key material from the secrets directory, created there once with mode 0600.

Production sets BAILIWICK_SECRETS_DIR to a mounted secret; nothing is generated there unless the runtime is embedded.
"""

import os
import secrets
from functools import cache
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


def read_or_create(path: Path, make: "bytes | None" = None) -> bytes:
    """Return the file's bytes; create it exclusively with `make` first if it is absent."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        if make is None:
            raise
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as handle:
        handle.write(make)
        handle.flush()
        os.fsync(handle.fileno())
    try:
        os.link(draft, path)  # the first writer wins; a second one reads what the first wrote
    except FileExistsError:
        pass
    finally:
        draft.unlink()
    return path.read_bytes()


def new_ed25519_pem() -> bytes:
    return Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


@cache
def ed25519(path: Path, create: bool) -> Ed25519PrivateKey:
    """Load the Ed25519 signing key at `path`."""
    key = serialization.load_pem_private_key(read_or_create(path, new_ed25519_pem() if create else None), None)
    if not isinstance(key, Ed25519PrivateKey):
        raise TypeError(f"{path.name} is not an Ed25519 key")
    return key
