"""Servers that answer as stores do on a bad day: refusals, silence, other people's pages, half an answer."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

HTML = b"<!DOCTYPE html><html><head><title>Sign in</title></head><body><p>Sign in<br></body></html>"
TIDY = b"<?xml version='1.0'?><html><head><title>Sign in</title></head><body><p>Sign in</p></body></html>"
Answer = tuple[int, str, bytes, int]
"""Status, media type, body, and how many bytes the header promises beyond it."""
BAD: dict[str, Answer | None] = {
    "403": (403, "application/json", b'{"message": "no"}', 0),
    "500": (500, "text/plain", b"oops", 0),
    "empty 200": (200, "application/json", b"", 0),
    "empty object": (200, "application/json", b"{}", 0),
    "a list": (200, "application/json", b"[]", 0),
    "html": (200, "text/html", HTML, 0),
    "html that is xml": (200, "application/xml", TIDY, 0),
    "html said to be json": (200, "application/json", HTML, 0),
    "truncated": (200, "application/json", b'{"indexes": [{"name": "ra', 0),
    "cut off": (200, "application/json", b'{"indexes": [', 4_000),
    "cut off xml": (200, "application/xml", b"<?xml version='1.0'?><ListAllMyBucketsResult><Buckets><Buck", 0),
    "silence": None,
}


@contextmanager
def http(answer: Callable[[str], Answer | None]) -> Iterator[str]:
    """A server that answers each path as told; None is silence until it is closed."""
    over = threading.Event()

    class Door(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            said = answer(self.path)
            self.close_connection = True
            if said is None:
                over.wait(20)
                return
            status, media, body, more = said
            self.send_response(status)
            self.send_header("Content-Type", media)
            self.send_header("Content-Length", str(len(body) + more))
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_HEAD = do_GET

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    over.set()
    server.shutdown()
    server.server_close()


@contextmanager
def tcp(said: bytes | None) -> Iterator[int]:
    """A port that says this to whatever comes, again and again; None is silence."""
    listening = socket.create_server(("127.0.0.1", 0))
    over = threading.Event()

    def serve(one: socket.socket) -> None:
        with one:
            try:
                while one.recv(65_536):
                    if said is None:
                        over.wait(20)
                        return
                    one.sendall(said)
                    if not said:
                        return
            except OSError:
                pass

    def accept() -> None:
        while not over.is_set():
            try:
                one, _ = listening.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(one,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    yield listening.getsockname()[1]
    over.set()
    listening.close()


def closed_port() -> int:
    """A port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as one:
        return int(one.getsockname()[1])
