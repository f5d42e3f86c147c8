"""The part of Weaviate's REST protocol that the connector speaks, in memory.

Source: Weaviate's OpenAPI (schema, tenants) and its GraphQL Aggregate; wrong keys and unknown classes answer as there.
"""

import json
import re
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

KEY = "weaviate-key"


class Double(ThreadingHTTPServer):
    """Collections with their tenants and how many objects each has; `refuse` is a status to answer once."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.collections: dict[str, dict[str, Any]] = {}
        self.tenants: dict[str, dict[str, int]] = {}
        self.refuse: list[tuple[int, dict[str, str]]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: Double
    protocol_version = "HTTP/1.1"

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.server.refuse:
            status, headers = self.server.refuse.pop(0)
            return self.say(status, {"error": [{"message": "not now"}]}, headers)
        if self.headers.get("Authorization") != f"Bearer {KEY}":
            return self.say(401, {"error": [{"message": "invalid api key"}]})
        return self.say(*self.routed(json.loads(body) if body else None))

    do_GET = do_POST = do_DELETE = answer

    def routed(self, body: Any) -> tuple[int, Any]:
        collections, tenants = self.server.collections, self.server.tenants
        if (self.command, self.path) == ("POST", "/v1/schema"):
            collections[body["class"]] = body
            tenants[body["class"]] = {}
            return 200, body
        if self.path == "/v1/graphql":
            return 200, self.aggregate(body["query"])
        name, _, rest = self.path.removeprefix("/v1/schema/").partition("/")
        if name not in collections:
            return 404, None
        if not rest:
            return 200, collections[name]
        if self.command == "GET":
            return 200, [{"name": one, "activityStatus": "HOT"} for one in tenants[name]]
        for one in body:
            tenants[name].pop(one, None) if self.command == "DELETE" else tenants[name].update({one["name"]: 0})
        return 200, body

    def aggregate(self, query: str) -> dict[str, Any]:
        found = re.search(r'Aggregate\{(\w+)\(tenant:"(\w+)"\)', query)
        assert found
        held = self.server.tenants[found[1]]
        if found[2] not in held:
            return {"data": None, "errors": [{"message": "tenant not found"}]}
        return {"data": {"Aggregate": {found[1]: [{"meta": {"count": held[found[2]]}}]}}}

    def say(self, status: int, content: Any, headers: dict[str, str] | None = None) -> None:
        said = b"" if content is None else json.dumps(content).encode()
        self.send_response(status)
        for name, value in {**(headers or {}), "Content-Length": str(len(said))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, format: str, *args: Any) -> None:
        pass
