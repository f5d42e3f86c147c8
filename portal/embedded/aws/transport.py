"""HTTP/1.1 on the loopback interface, a thread per connection, connections kept open between requests."""

from __future__ import annotations

import io
import logging
import resource
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import BinaryIO

from .web import CHUNK, Request, Response, merged_headers

log = logging.getLogger("aws_double")

IDLE_SECONDS = 120
DRAIN_LIMIT = 64 * 1024 * 1024
Respond = Callable[[Request], Response]


def build(port: int, respond: Respond) -> ThreadingHTTPServer:
    """A server bound to the port but not yet serving; `respond` must turn every failure into an answer."""

    class Connection(_Connection):
        answer = staticmethod(respond)

    _allow_many_connections()
    return _Server(("127.0.0.1", port), Connection)


def _allow_many_connections() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256


class _Connection(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "BailiwickDouble", ""
    disable_nagle_algorithm = True
    wbufsize = -1
    timeout = IDLE_SECONDS
    answer: Respond
    _awaits_go_ahead = False

    def serve(self) -> None:
        """Reads one request, answers it, and leaves the connection ready for the next or closes it."""
        body = self._body()
        if body is None:
            self.send_error(400, "Bad Content-Length or Transfer-Encoding")
            return
        raw, length = body
        stream: BinaryIO = io.BufferedReader(raw, CHUNK)
        request = self._request(stream, length)
        try:
            response = self.answer(request)
            if self._awaits_go_ahead:
                self._awaits_go_ahead = False
                response.headers["Connection"], self.close_connection = "close", True
            self._send(response)
            if not self.close_connection:
                self._drain(stream)
        except OSError as error:  # the client went away
            log.debug("connection lost: %s", error)
            self.close_connection = True
        except Exception:
            log.exception("answer broken off: %s %s", self.command, self.path)
            self.close_connection = True

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = do_PATCH = serve

    def handle_expect_100(self) -> bool:
        """The go-ahead waits until somebody reads the body: what is refused before that is never sent."""
        self._awaits_go_ahead = True
        return True

    def _go_ahead(self) -> None:
        if self._awaits_go_ahead:
            self._awaits_go_ahead = False
            self.send_response_only(100)
            self.end_headers()
            self.wfile.flush()

    def _request(self, stream: BinaryIO, length: int | None) -> Request:
        target = self.path if self.path.startswith("/") else "/" + self.path.partition("://")[2].partition("/")[2]
        raw_path, _, raw_query = target.partition("?")
        return Request(self.command, raw_path, raw_query, merged_headers(self.headers.items()), stream, length)

    def _body(self) -> tuple[io.RawIOBase, int | None] | None:
        lengths = self.headers.get_all("Content-Length") or []
        encoding = self.headers.get("Transfer-Encoding", "").lower()
        if encoding:
            return (_Chunked(self.rfile, self._go_ahead), None) if encoding == "chunked" and not lengths else None
        if len(set(lengths)) > 1 or not all(text.isascii() and text.isdigit() for text in lengths):
            return None
        length = int(lengths[0]) if lengths else 0
        return _Limited(self.rfile, self._go_ahead, length), length

    def _send(self, response: Response) -> None:
        self.send_response(response.status)
        for name, value in response.wire_headers():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            for piece in response.pieces():
                self.wfile.write(piece)
        self.wfile.flush()

    def _drain(self, stream: BinaryIO) -> None:
        """What an early refusal left unread: a little is read off, much closes the connection."""
        left = DRAIN_LIMIT
        while left > 0 and (piece := stream.read(min(left, CHUNK))):
            left -= len(piece)
        if left <= 0:
            self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        log.debug(format, *args)


class _Limited(io.RawIOBase):
    """The next `length` bytes of the connection and no more."""

    def __init__(self, source: io.BufferedIOBase, before_reading: Callable[[], None], length: int) -> None:
        self._source, self._before_reading, self._left = source, before_reading, length

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        self._before_reading()
        data = self._source.read1(min(len(buffer), self._left)) if self._left else b""
        buffer[: len(data)] = data
        self._left -= len(data)
        return len(data)


class _Chunked(io.RawIOBase):
    """A body in HTTP's chunked transfer coding, decoded; malformed framing is a lost connection."""

    def __init__(self, source: io.BufferedIOBase, before_reading: Callable[[], None]) -> None:
        self._source, self._before_reading = source, before_reading
        self._left, self._ended = 0, False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        self._before_reading()
        if not self._left and not self._ended:
            self._next_chunk()
        data = self._source.read1(min(len(buffer), self._left)) if self._left else b""
        buffer[: len(data)] = data
        self._left -= len(data)
        if data and not self._left:
            self._source.readline(4)
        return len(data)

    def _next_chunk(self) -> None:
        try:
            self._left = int(self._source.readline(1024).partition(b";")[0], 16)
        except ValueError as error:
            raise ConnectionError("malformed chunk") from error
        if not self._left:
            self._ended = True
            while self._source.readline(8192).strip():
                pass
