"""Stopped and started again on the same home: the same tenants, the same documents, the same people."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from portal.embedded.stack import Stack
from tests.journeys.product import Product, Request

PARTS = ("stores", "migrate", "provider", "platform", "web", "worker", "dispatcher", "sealer", "holder")
TEXT = "The kestrel clause of the lease in Kochi ends on the last Friday of March."


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Product]:
    with Stack(tmp_path / "home", regions=("ap-south-1",), only=PARTS) as stack:
        yield Product(stack)


def documents(request: Request) -> dict[str, str]:
    """Title and content digest of every document of the tenant, and what it answers."""
    with request.connect() as platform:
        rows = platform.get("/v1/documents").raise_for_status().json()["documents"]
        answer = platform.post("/v1/query", json={"q": "kestrel clause Kochi", "k": 1}).raise_for_status()
        assert "last Friday of March" in answer.text
        return {row["id"]: row["title"] for row in rows}


def objects(request: Request) -> set[tuple[str, str]]:
    listed = request.s3().list_object_versions(Bucket=request.names.bucket)
    return {(one["Key"], one["VersionId"]) for one in listed["Versions"]}


def test_a_restart_keeps_tenants_and_documents(own: Product) -> None:
    request = own.ask()
    request.sign_all()
    request.reach("active")
    waiting = own.ask(integrations=["snowflake"])
    waiting.sign_all()
    waiting.reach("pending_manual_setup")
    with request.connect() as platform:
        for number in range(3):
            body = {"title": f"Lease {number}", "text": f"{TEXT} Copy {number}.", "source": "journey"}
            assert platform.post("/v1/documents", json=body).status_code == 201
    before, kept, shape = documents(request), objects(request), request.shape()
    assert len(before) == len(kept) == 3

    begun = time.monotonic()
    own.stack.stop()
    stopped = time.monotonic()
    own.stack.start()
    print(f"stopped in {stopped - begun:.1f} s, started in {time.monotonic() - stopped:.1f} s")

    assert own.person("meera").get("/api/v1/tenants/")["results"] == []  # finance has none; signing in works as before
    assert request.now()["state"] == "active" and request.shape() == shape
    assert documents(request) == before and objects(request) == kept
    waiting.tick_all()  # what waited goes on waiting, and then goes on
    waiting.reach("active")
