"""Receives spans as a collector does: OTLP over HTTP, in protobuf."""

import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


@dataclass(frozen=True)
class Received:
    """One span, and the resource it came from."""

    name: str
    trace: str
    id: str
    parent: str
    about: dict[str, Any]
    sender: dict[str, Any]


@dataclass
class Collector:
    """Where to send, and what came."""

    url: str = ""
    spans: list[Received] = field(default_factory=list)

    def of(self, trace: str) -> list[Received]:
        return [one for one in self.spans if one.trace == trace]


def _values(found: Any) -> dict[str, Any]:
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in found}


def _read(body: bytes) -> Iterator[Received]:
    for group in ExportTraceServiceRequest.FromString(body).resource_spans:
        sender = _values(group.resource.attributes)
        for one in (span for scope in group.scope_spans for span in scope.spans):
            ids = (one.trace_id.hex(), one.span_id.hex(), one.parent_span_id.hex())
            assert not one.events, "what an error says is told nobody"
            yield Received(one.name, *ids, _values(one.attributes), sender)


@contextmanager
def collecting() -> Iterator[Collector]:
    """A collector of this process."""
    found = Collector()

    class Door(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.path == "/v1/traces"
            found.spans.extend(_read(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None: ...

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Door)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    found.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()
