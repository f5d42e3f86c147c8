"""What a move takes from its tenant for a while: its service, or the pace of its writes; never for longer."""

import base64
import hashlib
import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from bailiwick_client import Configuration, Malformed

from tests.ragplatform.conftest import Platform, Tenant, free_port, make_tenant, problem
from tests.registry_server import snapshot

BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
DOCUMENT = {"title": "t", "text": "x"}


def ahead(seconds: float) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()


def resting(tenant: Tenant, seconds: float) -> None:
    tenant.publish(service={"maintenance": {"until": ahead(seconds)}})


def test_in_a_window_everything_is_a_503_that_says_until_when(fresh: Tenant, acme: Tenant) -> None:
    resting(fresh, 602)
    with fresh.client() as client:
        for answer in (
            client.get("/v1/documents"), client.post("/v1/documents", json=DOCUMENT), client.post("/v1/query", json={})
        ):  # fmt: skip
            said = problem(answer, 503, "tenant-in-maintenance")
            assert 590 <= int(answer.headers["Retry-After"]) <= 600 and said["until"]
    with acme.client() as neighbour:
        assert neighbour.get("/v1/documents").status_code == 200


def test_a_browser_gets_a_calm_page_that_loads_nothing(fresh: Tenant) -> None:
    resting(fresh, 602)
    with fresh.client() as client:
        answer = client.get("/v1/documents", headers=BROWSER)
    until = until_of(fresh, "maintenance")
    assert answer.status_code == 503 and int(answer.headers["Retry-After"]) > 500
    assert answer.headers["Content-Type"].startswith("text/html") and f"{until:%H:%M} UTC" in answer.text
    (style,) = re.findall(r"<style>(.*?)</style>", answer.text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'") and f"'sha256-{digest}'" in policy
    assert not re.search(r"<script|<link|<img|style=|\son\w+=", answer.text)


def until_of(tenant: Tenant, part: str) -> datetime:
    return datetime.fromisoformat(tenant.platform.portal.snapshots[str(tenant.id)]["service"][part]["until"])


def test_a_window_ends_by_itself_when_nobody_says_so(fresh: Tenant) -> None:
    resting(fresh, 3)
    deadline = time.monotonic() + 120
    with fresh.client() as client:
        while client.post("/v1/documents", json=DOCUMENT).status_code == 503:
            assert time.monotonic() < deadline
            time.sleep(0.05)
    assert datetime.now(UTC) >= until_of(fresh, "maintenance")


@pytest.fixture
def second(platform: Platform) -> Iterator[Platform]:
    """Another process of the same region."""
    made = replace(platform, port=free_port(), process=None)
    made.start()
    yield made
    made.stop()


def test_the_pace_is_held_by_all_processes_of_a_region_together(platform: Platform, second: Platform) -> None:
    tenant, pace = make_tenant(platform), 3
    slowed(tenant, pace, 600)
    with ExitStack() as both, ThreadPoolExecutor(4) as pool:
        clients = [both.enter_context(tenant.client()) for _ in range(4)]
        for client, side in zip(clients, (platform, second) * 2, strict=True):
            client.base_url = httpx.URL(side.url)
        began = time.monotonic()
        answers = [one for found in pool.map(writing, clients) for one in found]
        took = time.monotonic() - began
        written = [one for one in answers if one.status_code == 201]
        refused = [one for one in answers if one.status_code == 429]
        assert len(written) + len(refused) == len(answers)
        assert pace <= len(written) <= pace * took + pace + 1
        assert refused and all(int(one.headers["Retry-After"]) == 1 for one in refused)
        problem(refused[0], 429, "writes-throttled")
        assert clients[0].get("/v1/documents").status_code == 200, "reading is not slowed"


def test_a_pace_ends_by_itself_when_nobody_says_so(fresh: Tenant) -> None:
    slowed(fresh, 1, 3)
    deadline = time.monotonic() + 120
    with fresh.client() as client:
        while {one.status_code for one in writing(client)} != {201}:
            assert time.monotonic() < deadline
    assert datetime.now(UTC) >= until_of(fresh, "throttle")


def slowed(tenant: Tenant, pace: int, seconds: float) -> None:
    tenant.publish(service={"throttle": {"writes_per_second": pace, "until": ahead(seconds)}})


def writing(client: httpx.Client) -> list[httpx.Response]:
    return [client.post("/v1/documents", json=DOCUMENT) for _ in range(8)]


@pytest.mark.parametrize(
    "service", [{"maintenance": {"until": "soon"}}, {"maintenance": {"until": "2026-01-01T00:00:00"}}, {"throttle": {}}]
)
def test_a_service_that_cannot_be_read_is_no_configuration(service: dict[str, Any]) -> None:

    with pytest.raises(Malformed):
        Configuration.of(snapshot("t", service=service))
