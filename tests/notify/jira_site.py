"""A Jira that speaks the protocol's relevant part: search by label, create an issue, and be as unkind as told."""

import base64
import json
import re
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

EMAIL, TOKEN, PROJECT = "bot@acme.test", "ATATT-api-token", "OPS"


@dataclass
class JiraSite:
    """Cloud wants e-mail and token and has `search/jql` only; Data Center a bearer token, and `search` only.

    `refusals` says which call (search, create) is answered with which status and headers, once; `lost` counts issues
    to create without answering; `says` replaces the search's answer.
    """

    is_cloud: bool = True
    issues: list[dict[str, Any]] = field(default_factory=list)
    refusals: dict[str, tuple[int, dict[str, str]]] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    lost: int = 0
    says: bytes | None = None
    server: Any = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"

    @property
    def target(self) -> dict[str, str]:
        return {"url": self.url, "email": EMAIL if self.is_cloud else "", "token": TOKEN, "project": PROJECT}

    def start(self) -> "JiraSite":
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), type("Door", (_Door,), {"site": self}))
        Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    def knows(self, credential: str) -> bool:
        basic = base64.b64encode(f"{EMAIL}:{TOKEN}".encode()).decode()
        return credential == (f"Basic {basic}" if self.is_cloud else f"Bearer {TOKEN}")

    def found(self, jql: str) -> list[dict[str, Any]]:
        label = re.fullmatch(r'labels = "(bailiwick-[0-9a-f-]+)"', jql)
        assert label, jql
        return [{"id": one["id"], "key": one["key"]} for one in self.issues if label[1] in one["fields"]["labels"]]

    def create(self, fields: dict[str, Any]) -> dict[str, Any]:
        number = len(self.issues) + 1
        self.issues.append({"id": str(10_000 + number), "key": f"{PROJECT}-{number}", "fields": fields})
        return {name: self.issues[-1][name] for name in ("id", "key")}


class _Door(BaseHTTPRequestHandler):
    site: JiraSite

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        if not self.is_let_in("search"):
            return
        if parts.path != ("/rest/api/2/search/jql" if self.site.is_cloud else "/rest/api/2/search"):
            self.answer(410 if self.site.is_cloud else 404, b"{}")
            return
        found = self.site.found(parse_qs(parts.query)["jql"][0])
        self.answer(200, self.site.says or json.dumps({"issues": found}).encode())

    def do_POST(self) -> None:
        sent = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if not self.is_let_in("create"):
            return
        assert self.path == "/rest/api/2/issue"
        if sent["fields"]["project"] != {"key": PROJECT}:
            self.answer(400, b'{"errors": {"project": "project is required"}}')
            return
        made = self.site.create(sent["fields"])
        if self.site.lost:
            self.site.lost -= 1
            self.close_connection = True
        else:
            self.answer(201, json.dumps(made).encode())

    def is_let_in(self, call: str) -> bool:
        self.site.calls.append(call)
        if call in self.site.refusals:
            status, headers = self.site.refusals.pop(call)
            self.answer(status, b"{}", headers)
        elif not self.site.knows(self.headers["Authorization"]):
            self.answer(401, b"{}")
        else:
            return True
        return False

    def answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        pass
