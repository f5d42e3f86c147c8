"""The additional checksums of S3: the value a client sent must be the value of the bytes that arrived."""

from __future__ import annotations

import base64
import hashlib
import zlib
from collections.abc import Callable, Sequence
from typing import Protocol

from .errors import AwsError

HEADER = "x-amz-checksum-"


class Digest(Protocol):
    def update(self, data: bytes, /) -> None: ...
    def digest(self) -> bytes: ...


class Crc32:
    def __init__(self) -> None:
        self._value = 0

    def update(self, data: bytes) -> None:
        self._value = zlib.crc32(data, self._value)

    def digest(self) -> bytes:
        return self._value.to_bytes(4, "big")


class ReflectedCrc:
    """Any reflected CRC by table; plain Python (about 10 MB/s), for the two that zlib does not know."""

    def __init__(self, polynomial: int, size: int) -> None:
        self._table, self._size = _crc_table(polynomial), size
        self._mask = (1 << 8 * size) - 1
        self._value = self._mask

    def update(self, data: bytes) -> None:
        value, table = self._value, self._table
        for byte in data:
            value = table[(value ^ byte) & 0xFF] ^ (value >> 8)
        self._value = value

    def digest(self) -> bytes:
        return (self._value ^ self._mask).to_bytes(self._size, "big")


def _crc_table(polynomial: int) -> list[int]:
    table = []
    for value in range(256):
        for _ in range(8):
            value = (value >> 1) ^ polynomial if value & 1 else value >> 1
        table.append(value)
    return table


def md5() -> Digest:
    """For ETags and Content-MD5, which are no security feature."""
    return hashlib.md5(usedforsecurity=False)


ALGORITHMS: dict[str, Callable[[], Digest]] = {
    "crc32": Crc32,
    "crc32c": lambda: ReflectedCrc(0x82F63B78, 4),
    "crc64nvme": lambda: ReflectedCrc(0x9A6C9329AC4BC9B5, 8),
    "sha1": hashlib.sha1,
    "sha256": hashlib.sha256,
}
FULL_OBJECT_ONLY = {"crc64nvme"}


def algorithm(name: str) -> str:
    """The lower-case name of a known algorithm; anything else is refused."""
    if name.lower() not in ALGORITHMS:
        raise AwsError("InvalidRequest", f"Checksum algorithm provided is unsupported: {name}.")
    return name.lower()


def encoded(digest: Digest) -> str:
    return base64.b64encode(digest.digest()).decode()


def composite(name: str, parts: Sequence[str]) -> str:
    """The checksum of checksums that a multipart object of type COMPOSITE carries."""
    digest = ALGORITHMS[name]()
    for part in parts:
        digest.update(base64.b64decode(part))
    return f"{encoded(digest)}-{len(parts)}"
