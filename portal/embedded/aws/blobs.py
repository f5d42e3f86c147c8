"""Object content on disk: a file exists completely and encrypted before the index may name it.

A file is a row of AES-256-GCM frames under a key that is used for this file alone, so the frame number is the nonce;
the last frame is marked, so a file that was cut short does not decrypt.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable, Iterator
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

FRAME = 256 * 1024
TAG = 16


class Blobs:
    """Write-once files in a two-level fan-out: written under `incoming/`, synced, then renamed to their place."""

    def __init__(self, root: Path) -> None:
        self._root, self._incoming = root, root / "incoming"
        self._incoming.mkdir(parents=True, exist_ok=True)
        for number in range(256):
            (root / f"{number:02x}").mkdir(exist_ok=True)

    def path(self, name: str) -> Path:
        return self._root / name[:2] / name

    def write(self, pieces: Iterable[bytes], key: bytes) -> tuple[str, int]:
        """Stores the pieces; returns the file's name and the number of plain bytes."""
        name = secrets.token_hex(16)
        temporary, size = self._incoming / name, 0
        try:
            with open(temporary, "xb") as file:
                cipher = AESGCM(key)
                for number, (frame, last) in enumerate(_frames(pieces)):
                    file.write(cipher.encrypt(_nonce(number, last), frame, None))
                    size += len(frame)
                file.flush()
                os.fsync(file.fileno())
            os.rename(temporary, self.path(name))
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        return name, size

    def read(self, name: str, key: bytes, size: int, start: int, end: int) -> Iterator[bytes]:
        """Plain bytes `start` to `end` (exclusive); the file is opened at once, so a later delete does not cut it."""
        file = open(self.path(name), "rb")  # noqa: SIM115 - closed by the generator
        return _plain(file, key, size, start, end)

    def discard(self, names: Iterable[str]) -> None:
        for name in names:
            self.path(name).unlink(missing_ok=True)

    def sweep(self, known: set[str]) -> int:
        """Removes what a kill left between a file and its commit; returns how many files went."""
        strays = [entry.path for entry in os.scandir(self._incoming)]
        for number in range(256):
            with os.scandir(self._root / f"{number:02x}") as entries:
                strays += [entry.path for entry in entries if entry.name not in known]
        for stray in strays:
            os.unlink(stray)
        return len(strays)


def _frames(pieces: Iterable[bytes]) -> Iterator[tuple[bytes, bool]]:
    """Full frames and a last, shorter one (empty when the content ends on a frame's edge)."""
    buffer = bytearray()
    for piece in pieces:
        buffer += piece
        while len(buffer) >= FRAME:
            yield bytes(buffer[:FRAME]), False
            del buffer[:FRAME]
    yield bytes(buffer), True


def _nonce(number: int, last: bool) -> bytes:
    return bytes([last, 0, 0, 0]) + number.to_bytes(8, "big")


def _plain(file, key: bytes, size: int, start: int, end: int) -> Iterator[bytes]:
    with file:
        cipher, number = AESGCM(key), start // FRAME
        file.seek(number * (FRAME + TAG))
        while start < end:
            frame = cipher.decrypt(_nonce(number, number == size // FRAME), file.read(FRAME + TAG), None)
            offset = start - number * FRAME
            piece = frame[offset : offset + end - start]
            start, number = start + len(piece), number + 1
            yield piece
