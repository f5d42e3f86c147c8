"""From a request to the plane it is for: checks the API key, routes, and writes that plane's kind of error."""

from __future__ import annotations

import hmac
import json
import logging
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, unquote

from ..aws.errors import AwsError
from ..aws.store import Store
from ..aws.web import Request, Response
from . import control, data
from .errors import PineconeError, invalid, not_found

log = logging.getLogger("pinecone_double")

BODY_LIMIT = 4 * 1024 * 1024
DATA_PATH = re.compile(r"/data/([a-z0-9-]+)(/.*)")
WRITES = {"/vectors/upsert", "/vectors/update", "/vectors/delete", "/namespaces"}
ASKS = {"/query", "/vectors/fetch_by_metadata", "/describe_index_stats"}
POSTS: dict[str, Callable[..., dict[str, Any]]] = {
    "/vectors/upsert": data.upsert, "/vectors/update": data.update, "/vectors/delete": data.delete,
    "/query": data.query, "/vectors/fetch_by_metadata": data.fetch_by_metadata,
    "/describe_index_stats": data.stats, "/namespaces": data.create_namespace,
}  # fmt: skip
GETS: dict[str, Callable[..., dict[str, Any]]] = {"/vectors/list": data.list_ids, "/namespaces": data.list_namespaces}


@dataclass(frozen=True)
class Service:
    store: Store
    base_url: str
    api_key: str
    reader_key: str = ""  # may look and change nothing

    def respond(self, request: Request) -> Response:
        """The answer to one request; whatever goes wrong becomes an answer too."""
        if request.path == "/__health":
            return _json(200, {"status": "ok", "double": "pinecone"})
        plane = DATA_PATH.fullmatch(request.raw_path)
        try:
            return self._answer(request, plane)
        except PineconeError as error:
            failure = error
        except AwsError as error:  # the shared HTTP layer refused the body
            failure = PineconeError(413 if error.status == 413 else 400, error.message)
        except ConnectionError:
            raise
        except Exception:
            log.exception("request failed: %s %s", request.method, request.raw_path)
            failure = PineconeError(500, "internal error")
        return _json(failure.status, failure.data_body() if plane else failure.control_body())

    def _answer(self, request: Request, plane: re.Match[str] | None) -> Response:
        self._admit(request, plane[2] if plane else "")
        if plane is None:
            return self._control(request)
        index = control.find(self.store, plane[1])
        result = self._data(request, index, plane[2])
        headers = self._position(request.method, plane[1], plane[2])
        return _json(200, result, {**headers, "x-pinecone-request-id": request.id})

    def _admit(self, request: Request, path: str) -> None:
        given = request.header("api-key").encode()
        if hmac.compare_digest(given, self.api_key.encode()):
            return
        if not self.reader_key or not hmac.compare_digest(given, self.reader_key.encode()):
            raise PineconeError(401, "Invalid API Key")
        if request.method != "GET" and path not in ASKS:
            raise PineconeError(403, "This API key may only read")

    def _control(self, request: Request) -> Response:
        parts = [unquote(part) for part in request.raw_path.strip("/").split("/")]
        if parts[0] != "indexes" or len(parts) > 2:
            raise not_found("The Pinecone double has indexes only: no backups, collections, inference or assistants.")
        store, base_url, verb = self.store, self.base_url, (request.method, len(parts))
        if verb == ("GET", 1):
            return _json(200, control.list_all(store, base_url))
        if verb == ("POST", 1):
            return _json(201, control.create(store, base_url, _object(request)))
        if verb == ("GET", 2):
            return _json(200, control.describe(store, base_url, parts[1]))
        if verb == ("PATCH", 2):
            return _json(200, control.configure(store, base_url, parts[1], _object(request)))
        if verb == ("DELETE", 2):
            control.delete(store, parts[1])
            return _json(202, {})
        raise invalid(f"{request.method} is not allowed here")

    def _data(self, request: Request, index: Any, path: str) -> dict[str, Any]:
        name = unquote(path.removeprefix("/namespaces/")) if path.startswith("/namespaces/") else ""
        if request.method == "POST" and path in POSTS:
            return POSTS[path](self.store, index, _object(request))
        if request.method == "GET" and path in GETS:
            return GETS[path](self.store, index, request.query)
        if request.method == "GET" and path == "/vectors/fetch":
            ids = parse_qs(request.raw_query).get("ids", [])
            return data.fetch(self.store, index, request.query.get("namespace", ""), ids)
        if request.method == "GET" and name:
            return data.describe_namespace(self.store, index, name)
        if request.method == "DELETE" and name:
            return data.delete_namespace(self.store, index, name)
        raise not_found(f"The Pinecone double does not know {request.method} {path}.")

    def _position(self, method: str, index_name: str, path: str) -> dict[str, str]:
        """Log positions under both names the SDK reads; a fetch carries none, as in the real service."""
        lsn = str(data.last_lsn(self.store, index_name))
        if method == "DELETE" or (method == "POST" and path in WRITES):
            return {"x-pinecone-request-lsn": lsn, "x-pinecone-lsn-committed": lsn}
        if path in ("/query", "/vectors/list"):
            return {"x-pinecone-max-indexed-lsn": lsn, "x-pinecone-lsn-reconciled": lsn}
        return {}


def _object(request: Request) -> dict[str, Any]:
    try:
        found = json.loads(request.body(BODY_LIMIT) or b"{}")
    except (ValueError, RecursionError) as error:
        raise invalid("the body is not valid JSON") from error
    if not isinstance(found, dict):
        raise invalid("the body must be an object")
    return found


def _json(status: int, value: Any, headers: dict[str, str] | None = None) -> Response:
    return Response(status, {"Content-Type": "application/json", **(headers or {})}, json.dumps(value).encode())
