"""Ed25519 keys of signed notes: a log signs the text (type 0x01), a witness signs text and time (type 0x04).

Sources: c2sp.org/signed-note, c2sp.org/tlog-cosignature. A private key is written the way Go's sumdb/note does.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from .encoding import from_base64, to_base64
from .errors import Malformed, Unproven

LOG = 0x01
WITNESS = 0x04
_PRIVATE = "PRIVATE+KEY+"
_YEAR_9999 = 253_402_300_799


@lru_cache(maxsize=256)
def check_name(name: str) -> str:
    """Return a key's name; empty ones and ones with spaces, control characters or a plus are Malformed."""
    if not name or "+" in name or any(sign.isspace() or sign < " " for sign in name):
        raise Malformed(f"not a key name: {name[:60]!r}")
    return name


@lru_cache(maxsize=256)
def key_id(name: str, kind: int, public: bytes) -> bytes:
    """The four bytes by which a signature names its key."""
    return hashlib.sha256(name.encode() + b"\n" + bytes([kind]) + public).digest()[:4]


def cosigned(text: str, timestamp: int) -> bytes:
    """What a witness signs: the text, and when."""
    return f"cosignature/v1\ntime {timestamp}\n{text}".encode()


@lru_cache(maxsize=64)
def _public_key(public: bytes) -> Ed25519PublicKey:
    return Ed25519PublicKey.from_public_bytes(public)


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A public key somebody decided to trust: `name+key id+base64(type || public key)`."""

    name: str
    kind: int
    public: bytes

    @classmethod
    def parse(cls, text: str) -> "VerifierKey":
        """Read a verifier key whose id fits its name and bytes."""
        name, _, rest = text.partition("+")
        hex_id, _, encoded = rest.partition("+")
        data = from_base64(encoded)
        if len(data) != 33 or data[0] not in (LOG, WITNESS):
            raise Malformed(f"not an Ed25519 verifier key: {text[:80]!r}")
        key = cls(check_name(name), data[0], data[1:])
        if key.id.hex() != hex_id:
            raise Malformed(f"the key id of {name!r} does not fit the key")
        return key

    def __str__(self) -> str:
        return f"{self.name}+{self.id.hex()}+{to_base64(bytes([self.kind]) + self.public)}"

    @property
    def id(self) -> bytes:
        """The key's id, four bytes."""
        return key_id(self.name, self.kind, self.public)

    def verify(self, text: str, signature: bytes) -> int | None:
        """Raise Unproven unless this key signed the text; return the POSIX time a witness signed at, None for a log."""
        timestamp, message = None, text.encode()
        if self.kind == WITNESS:
            timestamp, signature = int.from_bytes(signature[:8], "big"), signature[8:]
            if timestamp > _YEAR_9999:
                raise Unproven(f"{self.name} signed at no time there is")
            message = cosigned(text, timestamp)
        try:
            _public_key(self.public).verify(signature, message)
        except (InvalidSignature, ValueError) as error:
            raise Unproven(f"the signature of {self.name} ({self.id.hex()}) is wrong") from error
        return timestamp


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key that signs, wherever its private half is: `sign_bytes` may ask an HSM."""

    verifier: VerifierKey
    sign_bytes: Callable[[bytes], bytes] = field(repr=False)

    @classmethod
    def parse(cls, text: str) -> "SigningKey":
        """Read the private key `generate` wrote."""
        name, _, rest = text.removeprefix(_PRIVATE).partition("+")
        hex_id, _, encoded = rest.partition("+")
        data = from_base64(encoded)
        if not text.startswith(_PRIVATE) or len(data) != 33 or data[0] not in (LOG, WITNESS):
            raise Malformed("not an Ed25519 signing key")
        private = Ed25519PrivateKey.from_private_bytes(data[1:])
        public = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        verifier = VerifierKey(check_name(name), data[0], public)
        if verifier.id.hex() != hex_id:
            raise Malformed("the key id does not fit the signing key")
        return cls(verifier, private.sign)

    def sign(self, text: str, timestamp: int | None = None) -> bytes:
        """Return the signature over the text; a witness key needs the POSIX time, a log key has none."""
        if (timestamp is not None) != (self.verifier.kind == WITNESS):
            raise ValueError("a witness signs with a time, a log without")
        if timestamp is None:
            return self.sign_bytes(text.encode())
        return timestamp.to_bytes(8, "big") + self.sign_bytes(cosigned(text, timestamp))


def generate(name: str, kind: int = LOG) -> str:
    """Return a new private key as text: a secret, to be kept by who signs."""
    private = Ed25519PrivateKey.generate()
    public = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    identity = key_id(check_name(name), kind, public).hex()
    return f"{_PRIVATE}{name}+{identity}+{to_base64(bytes([kind]) + private.private_bytes_raw())}"
