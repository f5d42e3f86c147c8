"""Fills a tenant with real texts through the platform's HTTP."""

import hashlib
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from uuid import NAMESPACE_URL, UUID, uuid5

import httpx

from demo.corpus import Text, collect

DOCUMENTS, AT_ONCE, TRIES = 40, 4, 5
PEOPLE = {"asha.rao": "Asha Rao", "joseph.mathew": "Joseph Mathew", "nora.byrne": "Nora Byrne"}
NOTES = "Notes of {name}: what was agreed in the weekly review, who answers for it, and by when. For {name} only."


def fill(platform_url: str, access_token: str, name: str, count: int = DOCUMENTS) -> int:
    """Leave the tenant with `count` documents of its own slice of the corpus; returns how many were sent.

    The same slice under the same ids every time, so what an interrupted run left out is added and nothing is doubled.
    """
    headers = {"Authorization": f"Bearer {access_token}"}
    with httpx.Client(base_url=platform_url, headers=headers, timeout=30) as client:
        held = client.get("/v1/usage").raise_for_status().json()["documents"]
        if held >= count:
            return 0
        _people(client, name)
        with ThreadPoolExecutor(AT_ONCE) as pool:
            return sum(pool.map(lambda text: send(client, name, text), slice_of(name, count)))


def _people(client: httpx.Client, tenant: str) -> None:
    """Users with a session and a document of their own, and an API key; nothing where the token may not make them."""
    listed = client.get("/v1/users")
    if listed.status_code == 403:
        return
    known = {user["email"] for user in listed.raise_for_status().json()["users"]}
    for login, full_name in PEOPLE.items():
        address = f"{login}@{tenant}.example"
        if address in known:
            continue
        user = _made(client.post("/v1/users", json={"email": address, "display_name": full_name}))
        _made(client.post("/v1/sessions", json={"user_id": user["id"]}))
        own = {"title": f"Notes of {full_name}", "text": NOTES.format(name=full_name), "source": "demo"}
        _made(client.post("/v1/documents", json={**own, "owner_user_id": user["id"], "access": [user["id"]]}))
    if not client.get("/v1/api-keys").raise_for_status().json()["keys"]:
        _made(client.post("/v1/api-keys", json={"name": "reporting", "scopes": ["read"]}))


def _made(answer: httpx.Response) -> dict[str, str]:
    return dict(answer.raise_for_status().json())


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
        if "Retry-After" not in answer.headers or attempt == TRIES - 1:  # a full tier is not cured by waiting
            break
        time.sleep(float(answer.headers.get("Retry-After", "1")))
    answer.raise_for_status()
    return 1


def identifier(name: str, text: Text) -> UUID:
    """The same document of the same tenant has the same id in every run."""
    return uuid5(NAMESPACE_URL, f"{name}\n{text.source}\n{text.body}")
