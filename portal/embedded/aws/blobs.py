"""Object content on disk: it is there completely and encrypted before the index may name it.

Content is a row of AES-256-GCM frames under a key that is used for this content alone, so the frame number is the
nonce; the last frame is marked, so content that was cut short does not decrypt. Up to `INLINE` bytes it lives in the
index (no sync of its own), above that in a file of a two-level fan-out.
"""

from __future__ import annotations

import io
import os
import secrets
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from .store import Store

SCHEMA = "CREATE TABLE IF NOT EXISTS small_contents (name TEXT PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID;"
FRAME = 256 * 1024
TAG = 16
INLINE = 64 * 1024
IN_INDEX, IN_FILE = "i", "f"


@dataclass(frozen=True)
class Content:
    """Encrypted content that no version names yet; `body` is set when it belongs into the index."""

    name: str
    size: int
    body: bytes | None


class Blobs:
    """Write-once content; files are written under `incoming/`, synced, then renamed to their place."""

    def __init__(self, root: Path, store: Store) -> None:
        self._root, self._incoming, self._store = root, root / "incoming", store
        self._incoming.mkdir(parents=True, exist_ok=True)
        for number in range(256):
            (root / f"{number:02x}").mkdir(exist_ok=True)

    def path(self, name: str) -> Path:
        return self._root / name[1:3] / name

    @contextmanager
    def written(self, pieces: Iterable[bytes], key: bytes) -> Iterator[Content]:
        """Content on disk for the length of the block; if the block fails it goes away again."""
        content = self._write(pieces, key)
        try:
            yield content
        except BaseException:
            self._unlink([content.name])
            raise

    @contextmanager
    def change(self) -> Iterator[Change]:
        """A transaction of the index in which content is kept and discarded together with the rows that name it."""
        with self._store.write() as db:
            change = Change(db)
            yield change
        self._unlink(change.discarded)

    def read(self, name: str, key: bytes, size: int, start: int, end: int) -> Iterator[bytes]:
        """Plain bytes `start` to `end` (exclusive); opened at once, so a later delete does not cut them off."""
        return _plain(self._open(name), key, size, start, end)

    def sweep(self, known: set[str]) -> int:
        """Removes the files a kill left between file and commit; returns how many went."""
        strays = [entry.path for entry in os.scandir(self._incoming)]
        for number in range(256):
            with os.scandir(self._root / f"{number:02x}") as entries:
                strays += [entry.path for entry in entries if entry.name not in known]
        for stray in strays:
            os.unlink(stray)
        return len(strays)

    def _write(self, pieces: Iterable[bytes], key: bytes) -> Content:
        name, frames = secrets.token_hex(16), _frames(pieces)
        frame, last = next(frames)
        cipher = AESGCM(key)
        sealed = cipher.encrypt(_nonce(0, last), frame, None)
        if last and len(frame) <= INLINE:
            return Content(IN_INDEX + name, len(frame), sealed)
        size = self._write_file(IN_FILE + name, cipher, sealed, frames)
        return Content(IN_FILE + name, len(frame) + size, None)

    def _write_file(self, name: str, cipher: AESGCM, first: bytes, frames: Iterator[tuple[bytes, bool]]) -> int:
        temporary, size = self._incoming / name, 0
        try:
            with open(temporary, "xb") as file:
                file.write(first)
                for number, (frame, last) in enumerate(frames, 1):
                    file.write(cipher.encrypt(_nonce(number, last), frame, None))
                    size += len(frame)
                file.flush()
                os.fsync(file.fileno())
            os.rename(temporary, self.path(name))
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        return size

    def _open(self, name: str) -> BinaryIO:
        if name.startswith(IN_FILE):
            return open(self.path(name), "rb")
        row = self._store.one("SELECT body FROM small_contents WHERE name = ?", name)
        if row is None:
            raise FileNotFoundError(name)
        return io.BytesIO(row["body"])

    def _unlink(self, names: Iterable[str]) -> None:
        for name in names:
            if name.startswith(IN_FILE):
                self.path(name).unlink(missing_ok=True)


class Change:
    """A transaction; files it discards go after the commit, content in the index goes with it."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self.discarded: list[str] = []

    def execute(self, sql: str, parameters: Iterable[Any] = ()) -> sqlite3.Cursor:
        return self._db.execute(sql, tuple(parameters))

    def keep(self, content: Content) -> None:
        if content.body is not None:
            self._db.execute("INSERT INTO small_contents VALUES (?, ?)", (content.name, content.body))

    def discard(self, name: str) -> None:
        if name.startswith(IN_INDEX):
            self._db.execute("DELETE FROM small_contents WHERE name = ?", (name,))
        elif name:
            self.discarded.append(name)


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


def _plain(file: BinaryIO, key: bytes, size: int, start: int, end: int) -> Iterator[bytes]:
    with file:
        cipher, number = AESGCM(key), start // FRAME
        file.seek(number * (FRAME + TAG))
        while start < end:
            frame = cipher.decrypt(_nonce(number, number == size // FRAME), file.read(FRAME + TAG), None)
            offset = start - number * FRAME
            piece = frame[offset : offset + end - start]
            start, number = start + len(piece), number + 1
            yield piece
