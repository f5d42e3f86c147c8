"""The running platform as a client sees it, over HTTP."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self
from uuid import UUID, uuid5

import httpx

from lifecycle.provisioning.validation import http
from lifecycle.provisioning.validation.findings import CouldNotRun
from lifecycle.provisioning.validation.target import Target

MARK = "bw-validation"
TEXT = "Bailiwick validation document: the harbour master logs every vessel that passes the northern breakwater."
SAMPLE = re.compile(r"^(?P<name>\w+)\{(?P<labels>.*)\} (?P<value>\S+)$")
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


class PlatformApi:
    """One connection pool to the region's platform. Raises CouldNotRun where the platform cannot be reached."""

    def __init__(self, target: Target, connections: int = 1) -> None:
        self._target = target
        self._http = http.client(target.region.platform_url, connections)
        self._token = target.token(tenant_id=target.tenant_id)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def call(self, method: str, path: str, headers: dict[str, str] | None = None, **request: Any) -> httpx.Response:
        """Send one request with the honest token, or with the `headers` given instead of it."""
        sent = {"Authorization": f"Bearer {self._token}"} if headers is None else headers
        try:
            return self._http.request(method, path, headers=sent, **request)
        except httpx.HTTPError as error:
            where = self._target.region.platform_url
            raise CouldNotRun(f"the platform at {where} does not answer: {type(error).__name__} {error}") from error

    def query(self, words: str) -> httpx.Response:
        """Ask a question no cache has seen; the mark lets `traces` find it again."""
        return self.call("POST", "/v1/query", json={"q": words, "k": 3})

    @contextmanager
    def document(self) -> Iterator[UUID]:
        """A document only the suite can see, the same in every run: what a killed one left is taken as it is.

        Removed afterwards as a client would; `traces` removes it where the platform does not let itself be asked.
        """
        document_id = seeded_id(self._target.tenant_id)
        body = {"id": str(document_id), "title": MARK, "text": TEXT, "source": MARK, "access": []}
        answer = self.call("POST", "/v1/documents", json=body)
        try:
            if answer.status_code not in (200, 201):
                raise CouldNotRun(f"the platform did not take a document: {told(answer)}")
            yield document_id
        finally:
            self.call("DELETE", f"/v1/documents/{document_id}")

    def metrics(self) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
        """The samples of this tenant in the platform's /metrics, by name and labels."""
        answer = self.call("GET", "/metrics", headers={})
        if answer.status_code != 200:
            raise CouldNotRun(f"/metrics answered {told(answer)}")
        mine = str(self._target.tenant_id)
        lines = (SAMPLE.match(line) for line in answer.text.splitlines() if mine in line)
        return {
            (line["name"], tuple(sorted(LABEL.findall(line["labels"])))): float(line["value"]) for line in lines if line
        }


def seeded_id(tenant_id: UUID) -> UUID:
    """The id of the check's document of a tenant."""
    return uuid5(tenant_id, MARK)


def told(answer: httpx.Response) -> str:
    """The status and the platform's own reason."""
    try:
        detail = str(answer.json().get("detail", ""))
    except ValueError:
        detail = answer.text
    return f"{answer.status_code} {detail[:200]}".strip()
