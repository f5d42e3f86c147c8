"""The bytes of an upload: unwraps `aws-chunked` bodies and refuses content that differs from what was announced."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator

from . import checksums, sigv4
from .errors import AwsError
from .web import CHUNK, Request

EMPTY_HASH = hashlib.sha256(b"").hexdigest()
LINE_LIMIT = 8192
MAX_CHUNK = 5 * 1024 * 1024 * 1024


class Payload:
    """Iterate once: the last step raises unless the bytes are those announced. Then md5, size, checksum are known."""

    def __init__(self, request: Request, signature: sigv4.Signature | None) -> None:
        self._request, self._signature = request, signature
        self._declared = signature.payload_hash if signature else "UNSIGNED-PAYLOAD"
        self.trailers: dict[str, str] = {}
        self.size = 0
        self._md5, self._sha256 = hashlib.md5(usedforsecurity=False), hashlib.sha256()
        self.algorithm = _announced_algorithm(request)
        self._checksum = checksums.ALGORITHMS[self.algorithm]() if self.algorithm else None

    @property
    def md5(self) -> bytes:
        return self._md5.digest()

    @property
    def checksum(self) -> str:
        return checksums.encoded(self._checksum) if self._checksum else ""

    def __iter__(self) -> Iterator[bytes]:
        streamed = self._declared.startswith("STREAMING-")
        hashed = not streamed and self._declared != "UNSIGNED-PAYLOAD"
        for piece in self._chunked() if streamed else self._request.chunks():
            self.size += len(piece)
            self._md5.update(piece)
            if hashed:
                self._sha256.update(piece)
            if self._checksum:
                self._checksum.update(piece)
            yield piece
        self._verify()

    def _verify(self) -> None:
        """Compares what arrived with every digest and length the client announced."""
        if len(self._declared) == 64 and self._sha256.hexdigest() != self._declared:
            raise AwsError("XAmzContentSHA256Mismatch", "The provided 'x-amz-content-sha256' does not match the body.")
        announced = self._request.header("content-md5")
        if announced and announced != base64.b64encode(self.md5).decode():
            raise AwsError("BadDigest", "The Content-MD5 you specified did not match what we received.")
        length = self._request.header("x-amz-decoded-content-length")
        if length and length != str(self.size):
            raise AwsError("IncompleteBody", "The decoded body is not x-amz-decoded-content-length bytes long.")
        self._verify_checksum()

    def _verify_checksum(self) -> None:
        if not self.algorithm:
            return
        name = checksums.HEADER + self.algorithm
        announced = self._request.header(name) or self.trailers.get(name, "")
        if self._request.header("x-amz-trailer") and not announced:
            raise AwsError("MalformedTrailerError", f"The trailer {name} is missing.")
        if announced and announced != self.checksum:
            raise AwsError("BadDigest", f"The {self.algorithm.upper()} you specified did not match what we received.")

    def _chunked(self) -> Iterator[bytes]:
        signed = self._declared.startswith("STREAMING-AWS4-HMAC-SHA256-PAYLOAD")
        previous = self._signature.value if self._signature else ""
        size = -1
        while size:
            size, claimed = _chunk_header(self._line())
            digest = hashlib.sha256()
            for piece in self._pieces(size):
                digest.update(piece)
                yield piece
            if signed:
                previous = self._check_chunk(previous, digest.hexdigest(), claimed)
            if size and self._line():
                raise _malformed()
        self._read_trailers(previous if signed else "")

    def _check_chunk(self, previous: str, hashed: str, claimed: str) -> str:
        signature = self._signature
        assert signature is not None
        head = f"AWS4-HMAC-SHA256-PAYLOAD\n{signature.timestamp}\n{signature.credential.scope}\n"
        text = f"{head}{previous}\n{EMPTY_HASH}\n{hashed}"
        value = sigv4.sign(signature.key, text)
        if value != claimed:
            raise AwsError("SignatureDoesNotMatch", "The signature of a chunk does not match its content.", 403)
        return value

    def _read_trailers(self, previous: str) -> None:
        raw, claimed = "", ""
        while line := self._line():
            name, _, value = line.decode("latin-1").partition(":")
            name, value = name.strip().lower(), value.strip()
            if name == "x-amz-trailer-signature":
                claimed = value
                continue
            self.trailers[name] = value
            raw += f"{name}:{value}\n"
        if previous and self._declared.endswith("-TRAILER"):
            self._check_trailer(previous, raw, claimed)

    def _check_trailer(self, previous: str, raw: str, claimed: str) -> None:
        signature = self._signature
        assert signature is not None
        head = f"AWS4-HMAC-SHA256-TRAILER\n{signature.timestamp}\n{signature.credential.scope}\n"
        text = f"{head}{previous}\n{hashlib.sha256(raw.encode()).hexdigest()}"
        if sigv4.sign(signature.key, text) != claimed:
            raise AwsError("SignatureDoesNotMatch", "The signature of the trailer does not match.", 403)

    def _line(self) -> bytes:
        line = self._request.stream.readline(LINE_LIMIT)
        if line and not line.endswith(b"\n"):
            raise _malformed()
        return line.rstrip(b"\r\n")

    def _pieces(self, size: int) -> Iterator[bytes]:
        while size:
            data = self._request.stream.read(min(size, CHUNK))
            if not data:
                raise AwsError("IncompleteBody", "A chunk is shorter than it says.")
            size -= len(data)
            yield data


def _chunk_header(line: bytes) -> tuple[int, str]:
    size, _, extension = line.decode("latin-1").partition(";")
    name, _, claimed = extension.strip().partition("=")
    try:
        number = int(size, 16)
    except ValueError as error:
        raise _malformed() from error
    if not 0 <= number <= MAX_CHUNK or (extension and name != "chunk-signature"):
        raise _malformed()
    return number, claimed


def _malformed() -> AwsError:
    return AwsError("InvalidRequest", "The aws-chunked body is malformed.")


def _announced_algorithm(request: Request) -> str:
    """From a checksum header or the announced trailer; the SDK's algorithm header alone asks us to compute one."""
    for name in checksums.ALGORITHMS:
        if request.header(checksums.HEADER + name) or request.header("x-amz-trailer") == checksums.HEADER + name:
            return name
    wanted = request.header("x-amz-sdk-checksum-algorithm") or request.header("x-amz-checksum-algorithm")
    return checksums.algorithm(wanted) if wanted else ""
