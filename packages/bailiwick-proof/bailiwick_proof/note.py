"""Signed notes (c2sp.org/signed-note): a text, an empty line, and one line for each signature."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from .encoding import from_base64, to_base64
from .errors import Malformed, Unproven
from .keys import SigningKey, VerifierKey, check_name

MAX_BYTES = 1 << 16
MAX_SIGNATURES = 64
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature line: who says to have signed, and the bytes."""

    name: str
    key_id: bytes
    value: bytes

    def __str__(self) -> str:
        return f"— {self.name} {to_base64(self.key_id + self.value)}\n"


@dataclass(frozen=True, slots=True)
class Signed:
    """A signature that verified: the trusted key, and when a witness signed (POSIX seconds; None for a log)."""

    key: VerifierKey
    timestamp: int | None


@dataclass(frozen=True, slots=True)
class Note:
    """A text and its signatures, not yet believed: `verified` says who signed."""

    text: str
    signatures: tuple[Signature, ...] = ()

    @classmethod
    def parse(cls, data: bytes) -> "Note":
        """Read a signed note strictly; at most 64 KiB and 64 signatures."""
        if len(data) > MAX_BYTES:
            raise Malformed("the note is too long")
        content = _text(data)
        text, gap, lines = content.rpartition("\n\n")
        if not gap or not lines.endswith("\n"):
            raise Malformed("the note has no signatures")
        signatures = tuple(_signature(line) for line in lines[:-1].split("\n"))
        if len(signatures) > MAX_SIGNATURES:
            raise Malformed("the note has too many signatures")
        return cls(text + "\n", signatures)

    def encode(self) -> bytes:
        """Return the note's bytes."""
        return (self.text + "\n" + "".join(map(str, self.signatures))).encode()

    def signed(self, key: SigningKey, timestamp: int | None = None) -> "Note":
        """Return the note with this key's signature behind the others."""
        verifier = key.verifier
        line = Signature(verifier.name, verifier.id, key.sign(self.text, timestamp))
        return Note(self.text, (*self.signatures, line))

    def verified(self, keys: Iterable[VerifierKey]) -> list[Signed]:
        """Return who of the trusted keys signed; Unproven when none did or one of them signed something else."""
        trusted = {(key.name, key.id): key for key in keys}
        found: dict[VerifierKey, Signed] = {}
        for signature in self.signatures:
            key = trusted.get((signature.name, signature.key_id))
            if key and key not in found:
                found[key] = Signed(key, key.verify(self.text, signature.value))
        if not found:
            raise Unproven("no trusted key signed this")
        return list(found.values())


def _text(data: bytes) -> str:
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise Malformed("the note is not UTF-8") from error
    if _CONTROL.search(text):
        raise Malformed("the note holds control characters")
    return text


def _signature(line: str) -> Signature:
    dash, _, rest = line.partition(" ")
    name, _, encoded = rest.partition(" ")
    if dash != "—":
        raise Malformed(f"not a signature line: {line[:60]!r}")
    data = from_base64(encoded)
    if len(data) < 5:
        raise Malformed("the signature is too short")
    return Signature(check_name(name), data[:4], data[4:])
