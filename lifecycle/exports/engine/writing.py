"""Files on their way into the store: hashed as they go, whole or not there, never more than a part in memory."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from lifecycle.stores import aws

from .place import SYSTEM, Place

PART = 8 << 20  # ten thousand of them are the most that a file may have
Beat = Callable[[], None]


@dataclass(frozen=True)
class Written:
    """One file as it was written; `lines` of those that have lines."""

    path: str
    bytes: int
    sha256: str
    lines: int = 0

    @property
    def plain(self) -> dict[str, Any]:
        return {"path": self.path, "bytes": self.bytes, "sha256": self.sha256}


class File:
    """One open file. Small ones go in one call, others in parts; `beat` is asked before each, and may forbid it."""

    def __init__(self, place: Place, attempt: str, path: str, beat: Beat, metadata: dict[str, str]) -> None:
        self.path, self._place, self._beat = path, place, beat
        self._where = {"Bucket": place.bucket, "Key": place.key(attempt, path)}
        self._more: dict[str, Any] = {**place.encryption, "Metadata": metadata}
        self._upload, self._parts, self._buffer = "", list[dict[str, Any]](), bytearray()
        self._hash, self._bytes, self._lines = hashlib.sha256(), 0, 0

    def write(self, data: bytes) -> None:
        self._hash.update(data)
        self._bytes += len(data)
        self._buffer += data
        while len(self._buffer) >= PART:
            self._send(bytes(self._buffer[:PART]))
            del self._buffer[:PART]

    def line(self, text: str) -> None:
        self.write(text.encode() + b"\n")
        self._lines += 1

    def close(self) -> Written:
        """Have the whole file appear at once."""
        self._beat()
        if not self._upload:
            self._place.s3.put_object(**self._where, Body=bytes(self._buffer), **self._more)
        else:
            if self._buffer:
                self._send(bytes(self._buffer))
            done = {"UploadId": self._upload, "MultipartUpload": {"Parts": self._parts}}
            self._beat()
            self._place.s3.complete_multipart_upload(**self._where, **done)
        return Written(self.path, self._bytes, self._hash.hexdigest(), self._lines)

    def abandon(self) -> None:
        if self._upload:
            aws.unless_absent(self._place.s3.abort_multipart_upload, **self._where, UploadId=self._upload)

    def _send(self, part: bytes) -> None:
        self._beat()
        if not self._upload:
            self._upload = self._place.s3.create_multipart_upload(**self._where, **self._more)["UploadId"]
        number = len(self._parts) + 1
        sent = self._place.s3.upload_part(**self._where, UploadId=self._upload, PartNumber=number, Body=part)
        self._parts.append({"PartNumber": number, "ETag": sent["ETag"]})


@contextmanager
def opened(place: Place, attempt: str, path: str, beat: Beat, metadata: dict[str, str] | None = None) -> Iterator[File]:
    """Yield a file to write; who leaves by an error leaves nothing of it. It is closed by hand: that tells its hash."""
    with aws.translated(SYSTEM, f"write {path}"):
        file = File(place, attempt, path, beat, metadata or {})
        try:
            yield file
        except BaseException:
            file.abandon()
            raise


def written(place: Place, attempt: str, path: str, data: bytes, beat: Beat) -> Written:
    """A small file at once."""
    with opened(place, attempt, path, beat) as file:
        file.write(data)
        return file.close()


def read(place: Place, attempt: str, path: str) -> Iterator[bytes]:
    """A file's bytes, block by block."""
    with aws.translated(SYSTEM, f"read {path}"):
        body = place.s3.get_object(Bucket=place.bucket, Key=place.key(attempt, path))["Body"]
        yield from body.iter_chunks(1 << 20)


def lines(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """Whole lines, without their ends, of what comes in blocks."""
    rest = b""
    for block in blocks:
        *whole, rest = (rest + block).split(b"\n")
        yield from whole
    if rest:
        yield rest
