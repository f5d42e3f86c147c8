"""The other regions' platforms: a request for a tenant of theirs is handed on, with its own credentials, once."""

import json
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import httpx
from flask import Response, request

from .problems import Elsewhere, Problem
from .tracing import onward

HOP = "X-Routed-From"
"""On a request that was handed on; it names the region that did, and is not handed on again."""
ASKED = ("Authorization", "X-API-Key", "X-Session", "X-Read-After", "Content-Type", "traceparent")
TOLD = (
    *("Content-Type", "Content-Disposition", "Retry-After", "RateLimit", "RateLimit-Policy"),
    *("WWW-Authenticate", "X-Last-Write"),
)
# longer than the owner's own bound for a tenant that moves
SECONDS, CONNECT_SECONDS = 30.0, 1.0
NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


@dataclass(frozen=True)
class Request:
    """What is asked, with the asker's own credentials."""

    method: str
    target: str
    headers: dict[str, str]
    content: bytes


def present() -> Request:
    """The request that is being served."""
    query = request.query_string.decode("latin-1")
    headers = {name: request.headers[name] for name in ASKED if name in request.headers} | onward()
    target = quote(request.path) + (f"?{query}" if query else "")
    return Request(request.method, target, headers, request.get_data())


class Neighbours:
    """Speaks to the platforms that the regions file names; a region added later is found in it."""

    def __init__(self, region: str, regions_file: Path) -> None:
        self._region = region
        self._regions_file = regions_file
        self._http = httpx.Client(timeout=httpx.Timeout(SECONDS, connect=CONNECT_SECONDS), trust_env=False)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def ask(self, elsewhere: Elsewhere) -> Response | None:
        """The owner's answer to the present request; None when the owner never got it.

        Raises `elsewhere` for a region without a platform, and Problem 504 when a write was sent and nobody knows.
        """
        try:
            answer = self.send(elsewhere.region, present(), {}, SECONDS, CONNECT_SECONDS)
        except httpx.UnsupportedProtocol:
            raise elsewhere from None
        except NOT_SENT:
            return None
        except httpx.HTTPError as error:
            if request.method == "GET":
                return None
            detail = f"{elsewhere.region} was asked and did not answer; whether it was done is not known."
            raise Problem(504, "outcome-unknown", detail) from error
        told = {name: answer.headers[name] for name in TOLD if name in answer.headers}
        return Response(answer.content, answer.status_code, told)

    def send(self, region: str, asked: Request, more: dict[str, str], seconds: float, connect: float) -> httpx.Response:
        """A region's answer; raises httpx.HTTPError, of which UnsupportedProtocol says that it has no platform."""
        return self._http.request(
            asked.method,
            f"{self._url(region)}{asked.target}",
            headers=asked.headers | more | {HOP: self._region},
            content=asked.content,
            timeout=httpx.Timeout(seconds, connect=connect),
        )

    def _url(self, region: str) -> str:
        try:
            return str(json.loads(self._regions_file.read_text())[region]["platform"]["url"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise httpx.UnsupportedProtocol(f"{region} has no platform") from error
