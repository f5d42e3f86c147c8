"""A registry at the client's edge: serves snapshots and keys from plain dicts over real HTTP."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


def snapshot(tenant_id: str, **changes: Any) -> dict[str, Any]:
    """An active bronze tenant's snapshot; `limits` are merged, everything else replaced."""
    limits = {
        "max_users": 100,
        "max_documents": 20_000,
        "max_queries_per_day": 100_000,
        "max_storage_gb": 5,
        "requests_per_minute": 100_000,
    }
    return {
        "tenant_id": tenant_id,
        "name": "acme",
        "status": "active",
        "tier": "bronze",
        "region": "ap-south-1",
        "flags": {},
        "config_version": 1,
        "status_version": 1,
        "vector_provider": "pgvector",
        "validating": False,
        "reason": "",
        "routing_epoch": 1,
        "lease_seconds": 2.0,
        "on_outage": "refuse",
        "config": {},
        "features": [],
        **changes,
        "limits": {**limits, **changes.get("limits", {})},
    }


@dataclass
class RegistryServer:
    """What the server says, changed by the test while it runs."""

    port: int = 0
    token: str = "bwk_test_secret"
    snapshots: dict[str, dict[str, Any]] = field(default_factory=dict)
    jwks: list[dict[str, str]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    answer_only_when: threading.Event = field(default_factory=threading.Event)
    posts: dict[str, list[Any]] = field(default_factory=dict)  # by path; what is not a key is not taken
    raw: bytes | None = None
    waiting: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def reply(self, path: str, headers: Any) -> tuple[int, bytes]:
        """Status and body for one GET."""
        self.asked.append(path)
        if path == "/.well-known/jwks.json":
            return 200, json.dumps({"keys": self.jwks}).encode()
        if headers.get("Authorization") != f"Bearer {self.token}":
            return 401, b"{}"
        if not path.startswith("/v1/snapshots?"):
            return 404, b"{}"
        return 200, self.raw if self.raw is not None else json.dumps(self.news()).encode()

    def news(self) -> dict[str, Any]:
        """Everything there is; a tenant's snapshot is its configuration and its standing in one."""
        every = list(self.snapshots.values())
        return {
            "status_version": max((one.get("status_version", 0) for one in every), default=0),
            "config_version": max((one.get("config_version", 0) for one in every), default=0),
            "configurations": every,
            "standings": every,
        }


@contextmanager
def serving(port: int = 0) -> Iterator[RegistryServer]:
    """Run a registry on 127.0.0.1 until the block ends."""
    state = RegistryServer()
    state.answer_only_when.set()

    class Door(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            state.waiting += 1
            state.answer_only_when.wait(10)
            status, body = state.reply(self.path, self.headers)
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            # a client that gave up waiting is what some tests are about
            with suppress(BrokenPipeError, ConnectionResetError):
                self.end_headers()
                self.wfile.write(body)

        def do_POST(self) -> None:
            said = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            taken = state.posts.get(self.path)
            if taken is not None:
                taken.append(said)
            self.send_response(404 if taken is None else 201)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args: Any) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Door)
    server.daemon_threads = True
    state.port = server.server_address[1]
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
