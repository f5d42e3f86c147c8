"""HTTP requests and responses as the services see them: raw path kept for signatures, bodies read with a cap."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import BinaryIO
from urllib.parse import parse_qsl, unquote

from .errors import AwsError

API_BODY_LIMIT = 4 * 1024 * 1024
CHUNK = 256 * 1024


@dataclass
class Request:
    """One HTTP request; header names are lower case, repeated headers joined by a comma as SigV4 wants them."""

    method: str
    raw_path: str
    raw_query: str
    headers: Mapping[str, str]
    stream: BinaryIO
    length: int | None
    id: str = field(default_factory=lambda: secrets.token_hex(8).upper())
    consumed: bytes | None = None

    @cached_property
    def path(self) -> str:
        return unquote(self.raw_path)

    @cached_property
    def query(self) -> dict[str, str]:
        return dict(parse_qsl(self.raw_query, keep_blank_values=True))

    def header(self, name: str, default: str = "") -> str:
        return self.headers.get(name, default)

    def body(self, limit: int = API_BODY_LIMIT) -> bytes:
        """The whole body; refuses more than `limit` bytes, whatever the headers promise."""
        if self.consumed is None:
            if (self.length or 0) > limit:
                raise AwsError("EntityTooLarge", f"The request body exceeds {limit} bytes.", 413)
            data = self.stream.read(limit + 1 if self.length is None else self.length)
            if len(data) > limit:
                raise AwsError("EntityTooLarge", f"The request body exceeds {limit} bytes.", 413)
            if self.length is not None and len(data) != self.length:
                raise AwsError("IncompleteBody", "The body is shorter than its Content-Length.", 400)
            self.consumed = data
        return self.consumed

    def chunks(self) -> Iterator[bytes]:
        """The body in pieces; a connection that ends early raises IncompleteBody."""
        left = self.length
        while left is None or left > 0:
            data = self.stream.read(CHUNK if left is None else min(CHUNK, left))
            if not data:
                if left:
                    raise AwsError("IncompleteBody", "The body is shorter than its Content-Length.", 400)
                return
            left = None if left is None else left - len(data)
            yield data


@dataclass
class Response:
    """A status, headers and a body that is either bytes or an iterator with a known Content-Length."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | Iterable[bytes] = b""

    def wire_headers(self) -> list[tuple[str, str]]:
        """Headers with a length where one belongs, safe to write: no line breaks, Latin-1 at most."""
        headers = dict(self.headers)
        if isinstance(self.body, bytes) and self.status not in (204, 304):
            headers.setdefault("Content-Length", str(len(self.body)))
        return [(name, _one_line(value)) for name, value in headers.items()]

    def pieces(self) -> Iterable[bytes]:
        return [self.body] if isinstance(self.body, bytes) else self.body


def merged_headers(items: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Lower-cased headers with repeats joined by a comma."""
    merged: dict[str, str] = {}
    for name, value in items:
        name, value = name.lower(), " ".join(value.split())
        merged[name] = f"{merged[name]},{value}" if name in merged else value
    return merged


def _one_line(value: str) -> str:
    return value.replace("\r", " ").replace("\n", " ").encode("latin-1", "replace").decode("latin-1")
