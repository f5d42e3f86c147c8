"""The part of Datadog's metrics API that is asked, in memory: metrics by tag, in pages, under both keys.

Source: Datadog API reference, "Get a list of metrics" (v2). There is no call there that deletes a series by tag.
"""

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

KEYS = {"DD-API-KEY": "api", "DD-APPLICATION-KEY": "app"}
PAGE = 2


class Double(ThreadingHTTPServer):
    """`tagged` holds metric names by tag; `deletions` counts requests that are no GET."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.tagged: dict[str, list[str]] = {}
        self.deletions = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: Double
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        asked = urlsplit(self.path)
        if any(self.headers.get(name) != key for name, key in KEYS.items()):
            return self._say(403, {"errors": ["Forbidden"]})
        if asked.path != "/api/v2/metrics":
            return self._say(404, {"errors": ["Not Found"]})
        query = {name: values[0] for name, values in parse_qs(asked.query).items()}
        start = int(query.get("page[cursor]", "0"))
        names = self.server.tagged.get(query["filter[tags]"], [])
        rest = str(start + PAGE) if len(names) > start + PAGE else None
        data = [{"type": "metrics", "id": name} for name in names[start : start + PAGE]]
        return self._say(200, {"data": data, "meta": {"pagination": {"type": "cursor_limit", "next_cursor": rest}}})

    def do_POST(self) -> None:
        self.server.deletions += 1
        self._say(405, {"errors": ["Method Not Allowed"]})

    do_DELETE = do_POST

    def _say(self, status: int, body: Any) -> None:
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_: Any) -> None:
        """Quiet."""
