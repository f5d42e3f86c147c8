"""Fills a tenant with real texts through the platform's HTTP."""

import hashlib
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from uuid import NAMESPACE_URL, UUID, uuid5

import httpx

from demo.corpus import Text, collect

DOCUMENTS, AT_ONCE, TRIES = 40, 4, 5


def fill(platform_url: str, access_token: str, name: str, count: int = DOCUMENTS) -> int:
    """Leave the tenant with `count` documents of its own slice of the corpus; returns how many were sent.

    The same slice under the same ids every time, so what an interrupted run left out is added and nothing is doubled.
    """
    headers = {"Authorization": f"Bearer {access_token}"}
    with httpx.Client(base_url=platform_url, headers=headers, timeout=30) as client:
        held = client.get("/v1/usage").raise_for_status().json()["documents"]
        if held >= count:
            return 0
        with ThreadPoolExecutor(AT_ONCE) as pool:
            return sum(pool.map(lambda text: send(client, name, text), slice_of(name, count)))


def slice_of(name: str, count: int) -> Iterator[Text]:
    """This tenant's part of the corpus: it begins at a place its name decides and wraps around."""
    texts = collect()
    start = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big") % len(texts)
    return (texts[(start + number) % len(texts)] for number in range(min(count, len(texts))))


def send(client: httpx.Client, name: str, text: Text) -> int:
    """Ingest one text, waiting as long as the platform asks; 1 when it is there, HTTPStatusError when it cannot be."""
    body = {"id": str(identifier(name, text)), "title": text.title, "text": text.body, "source": text.source}
    for attempt in range(TRIES):
        answer = client.post("/v1/documents", json=body)
        if answer.status_code not in (429, 503) or attempt == TRIES - 1:
            break
        time.sleep(float(answer.headers.get("Retry-After", "1")))
    answer.raise_for_status()
    return 1


def identifier(name: str, text: Text) -> UUID:
    """The same document of the same tenant has the same id in every run."""
    return uuid5(NAMESPACE_URL, f"{name}\n{text.source}\n{text.body}")
