"""A region's Pinecone account as its read-only key sees it: every index, namespace and id, by the plain protocol."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx

from portal.lib.regions import Region

from . import web
from .answering import NotChecked

VERSION = "2025-10"
PAGE = 100


@dataclass(frozen=True)
class Namespace:
    index: str
    host: str
    name: str
    records: int


class Account:
    """A session; close it by `with`."""

    def __init__(self, region: Region, patience: float) -> None:
        assert region.pinecone is not None
        if not region.verifier.pinecone_api_key:
            raise NotChecked(f"No read-only credentials for Pinecone in {region.name} are configured.")
        headers = {"Api-Key": region.verifier.pinecone_api_key, "X-Pinecone-API-Version": VERSION}
        self._client = httpx.Client(headers=headers, timeout=patience, trust_env=False)
        self._host = region.pinecone.host

    def __enter__(self) -> "Account":
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def indexes(self) -> dict[str, str]:
        """Every index's host by its name."""
        found = web.page(self._client, "GET", f"{self._host}/indexes", "Pinecone, list indexes", ["indexes"])
        return {one["name"]: _address(one["host"]) for one in found["indexes"]}

    def namespaces(self) -> Iterator[Namespace]:
        """Every namespace of every index."""
        for index, host in self.indexes().items():
            for answer in self._pages(f"{host}/namespaces", f"Pinecone, namespaces of {index}", "namespaces", {}):
                for one in answer["namespaces"]:
                    yield Namespace(index, host, one["name"], int(one["record_count"]))

    def ids(self, namespace: Namespace) -> Iterator[str]:
        """Every vector's id of a namespace; NotChecked where fewer are listed than it says it has."""
        asked, listed = f"Pinecone, ids of {namespace.index}/{namespace.name}", 0
        for answer in self._pages(f"{namespace.host}/vectors/list", asked, "vectors", {"namespace": namespace.name}):
            for one in answer["vectors"]:
                listed += 1
                yield str(one["id"])
        if not listed and namespace.records:
            raise NotChecked(f"{asked}: none is listed of {namespace.records} that are counted.")

    def naming(self, namespace: Namespace, condition: dict[str, Any]) -> Iterator[str]:
        """The ids of vectors whose metadata meet a condition."""
        asked, token = f"Pinecone, metadata in {namespace.index}/{namespace.name}", ""
        while True:
            more = {"paginationToken": token} if token else {}
            said = {"namespace": namespace.name, "filter": condition, "limit": PAGE, **more}
            url = f"{namespace.host}/vectors/fetch_by_metadata"
            answer = web.page(self._client, "POST", url, asked, ["vectors"], json=said)
            yield from map(str, answer["vectors"])
            before, token = token, (answer.get("pagination") or {}).get("next", "")
            if not token:
                return
            if token == before:
                raise NotChecked(f"{asked}: the pages do not come to an end.")

    def _pages(self, url: str, asked: str, needs: str, given: dict[str, Any]) -> Iterator[dict[str, Any]]:
        token = ""
        while True:
            more = {"paginationToken": token} if token else {}
            answer = web.page(self._client, "GET", url, asked, [needs], params={"limit": PAGE, **given, **more})
            yield answer
            before, token = token, (answer.get("pagination") or {}).get("next", "")
            if not token:
                return
            if token == before:
                raise NotChecked(f"{asked}: the pages do not come to an end.")


def _address(host: str) -> str:
    return host if "://" in host else f"https://{host}"
