"""A tenant moves between two regions' platforms while it is written to: its clients see latency, and lose nothing."""

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from portal.embedded.stack import Stack
from tests.ragplatform.conftest import ABROAD, HOME_REGION, Platform, free_port, ingest, make_tenant, problem
from tests.ragplatform.moving import Moving

WRITERS = 4


@pytest.fixture
def moving(sides: dict[str, Platform], stack: Stack) -> Moving:
    tenant = make_tenant(sides[HOME_REGION])
    make_tenant(sides[ABROAD], name=tenant.names.name, tenant_id=tenant.id, state="closed")
    found = Moving(stack, sides, tenant)
    found.publish(HOME_REGION)
    return found


def client_at(moving: Moving, region: str) -> httpx.Client:
    client = moving.tenant.client()
    client.base_url = moving.sides[region].url
    return client


class Writer:
    """Inserts, deletes and inserts again through one platform, and keeps a ledger of what was acknowledged."""

    def __init__(self, moving: Moving, region: str) -> None:
        self.client = client_at(moving, region)
        self.live: set[str] = set()
        self.wrong: list[str] = []
        self.done = 0

    def work(self, stop: threading.Event) -> None:
        """Write until told to stop; what the platform did not acknowledge is wrong."""
        while not stop.is_set():
            first, second = self._insert(None), self._insert(str(uuid4()))
            for document in (first, second):
                self._delete(document)
            self._insert(second)
            self.done += 1

    def _insert(self, document: str | None) -> str:
        body = {"title": "t", "text": f"written by {id(self)}"} | ({"id": document} if document else {})
        answer = self._send("POST", "/v1/documents", body)
        made = str(answer.json().get("id", ""))
        if answer.status_code == 201:
            self.live.add(made)
        return made

    def _delete(self, document: str) -> None:
        self._send("DELETE", f"/v1/documents/{document}", None)
        self.live.discard(document)

    def _send(self, method: str, path: str, body: dict[str, str] | None) -> httpx.Response:
        answer = self.client.request(method, path, json=body)
        if answer.status_code not in (201, 204):
            self.wrong.append(f"{method} {answer.status_code} {answer.text}")
        return answer


def held(moving: Moving, region: str) -> set[str]:
    """Every document of the tenant, asked for at this region's platform."""
    found: set[str] = set()
    after: str | None = ""
    with client_at(moving, region) as client:
        while after is not None:
            page = client.get("/v1/documents", params={"after": after, "limit": 100}).raise_for_status().json()
            found |= {document["id"] for document in page["documents"]}
            after = page["next"]
    return found


def wait_for_rounds(writers: list[Writer], count: int) -> None:
    """Until every writer has come round so many times more."""
    wanted, deadline = [writer.done + count for writer in writers], time.monotonic() + 120
    while any(writer.done < want and not writer.wrong for writer, want in zip(writers, wanted, strict=True)):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_writers_notice_nothing_of_moves_there_and_back(moving: Moving) -> None:
    writers = [Writer(moving, region) for region in (HOME_REGION, ABROAD) * (WRITERS // 2)]
    stop = threading.Event()
    with ThreadPoolExecutor(WRITERS) as pool:
        running = [pool.submit(writer.work, stop) for writer in writers]
        try:
            for step in (moving.switch, moving.switch, moving.abort, moving.switch):
                wait_for_rounds(writers, 2)
                step()
            wait_for_rounds(writers, 2)
        finally:
            stop.set()
        for one in running:
            one.result()
    assert [writer.wrong for writer in writers] == [[]] * WRITERS
    acknowledged = set().union(*(writer.live for writer in writers))
    assert moving.owner == ABROAD and acknowledged
    assert held(moving, HOME_REGION) == held(moving, ABROAD) == acknowledged, "nothing lost, nothing twice"


def test_a_request_at_the_old_region_is_answered_by_the_new(moving: Moving) -> None:
    with client_at(moving, HOME_REGION) as client:
        key = client.post("/v1/api-keys", json={"name": "k", "scopes": ["read"]}).json()["key"]
        user = client.post("/v1/users", json={"email": "a@example.org"}).json()["id"]
        session = client.post("/v1/sessions", json={"user_id": user}).json()["token"]
        moving.switch()
        made = ingest(client, "New", "It came in by the old door.", access=[user])
        assert client.post("/v1/query", json={"q": "old door"}).json()["passages"][0]["document_id"] == made["id"]
        answer = client.get("/v1/documents", headers={"X-Session": session})
        assert [one["id"] for one in answer.json()["documents"]] == [made["id"]]
        assert answer.headers["RateLimit"]
        assert client.get(f"/v1/documents/{made['id']}/content").content == b"It came in by the old door."
        refused = client.post("/v1/documents", json={"title": "x"})
        problem(refused, 422, "invalid")
    with httpx.Client(base_url=moving.sides[HOME_REGION].url, headers={"X-API-Key": key}) as client:
        assert client.get("/v1/documents").status_code == 200, "whoever owns the tenant checks its keys"
        problem(client.post("/v1/documents", json={"title": "t", "text": "x"}), 403, "scope-missing")


def test_whoever_wrote_at_the_new_owner_is_not_served_by_the_old(moving: Moving) -> None:
    with client_at(moving, HOME_REGION) as old, client_at(moving, ABROAD) as new:
        assert "X-Last-Write" not in old.get("/v1/usage").headers
        moving.switch()
        answer = new.post("/v1/documents", json={"title": "t", "text": "x"})
        token = answer.headers["X-Last-Write"]
        assert token.startswith("2.")
        path = f"/v1/documents/{answer.json()['id']}"
        assert old.get(path, headers={"X-Read-After": token}).status_code == 200
        assert old.get(path, headers={"X-Read-After": "9999.1"}).status_code == 200, "a lie changes nothing"
        removed = old.delete(path)
        assert removed.status_code == 204 and removed.headers["X-Last-Write"].startswith("2.")


def test_a_fence_that_stays_is_a_503_after_the_bound_and_told_to_the_portal(moving: Moving) -> None:
    path = f"/api/v1/tenants/{moving.tenant.id}/fence-reports/"
    told = moving.tenant.platform.portal.posts.setdefault(path, [])
    moving.fence()
    with client_at(moving, HOME_REGION) as client:
        answer = client.post("/v1/documents", json={"title": "t", "text": "x"})
        problem(answer, 503, "tenant-moving")
        assert answer.headers["Retry-After"]
        assert client.get("/v1/documents").json()["documents"] == [], "reading needs no open fence"
    deadline = time.monotonic() + 120
    while not told:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert told[0]["epoch"] == 1


def test_a_fence_takes_no_thread_from_the_neighbours(moving: Moving) -> None:
    neighbour = make_tenant(moving.sides[HOME_REGION])
    moving.fence()
    with client_at(moving, HOME_REGION) as client, ThreadPoolExecutor(40) as pool:
        body = {"title": "t", "text": "x"}
        waiting = [pool.submit(client.post, "/v1/documents", json=body) for _ in range(40)]
        with neighbour.client() as other:
            ingest(other, "Mine", "It is served beside them.")
        assert {one.result().status_code for one in waiting} == {503}


def test_a_request_is_handed_on_once(moving: Moving) -> None:
    moving.switch()
    deadline = time.monotonic() + 120
    with client_at(moving, HOME_REGION) as client:
        refused = client.get("/v1/documents", headers={"X-Routed-From": "elsewhere"})
        while refused.status_code == 200 and time.monotonic() < deadline:  # under the lease of before
            refused = client.get("/v1/documents", headers={"X-Routed-From": "elsewhere"})
        assert problem(refused, 421, "wrong-region")["region"] == ABROAD


def test_an_owner_that_does_not_answer_is_a_503(moving: Moving, tmp_path: Path) -> None:
    home = moving.sides[HOME_REGION]
    regions = json.loads(home.regions_file.read_text())
    regions[ABROAD]["platform"]["url"] = f"http://127.0.0.1:{free_port()}"
    (tmp_path / "regions.json").write_text(json.dumps(regions))
    alone = replace(home, regions_file=tmp_path / "regions.json", port=free_port(), process=None)
    moving.switch()
    alone.start()
    with httpx.Client(base_url=alone.url, headers={"Authorization": f"Bearer {moving.tenant.token()}"}) as client:
        answer = client.get("/v1/documents", timeout=60)
        problem(answer, 503, "unavailable")
        assert answer.headers["Retry-After"]
    alone.stop()
