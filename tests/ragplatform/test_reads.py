"""While a tenant moves a share of its reads is answered where it moves to: never an old answer, and never an error."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from uuid import uuid4

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from lifecycle.migration.engine import rounds
from lifecycle.migration.engine.move import Move
from portal.embedded.stack import Stack
from tests.ragplatform.conftest import ABROAD, HOME_REGION, Platform, ingest, make_tenant
from tests.ragplatform.moving import Moving

CALLERS = 8


@pytest.fixture
def moving(sides: dict[str, Platform], stack: Stack) -> Moving:
    tenant = make_tenant(sides[HOME_REGION])
    make_tenant(sides[ABROAD], name=tenant.names.name, tenant_id=tenant.id, state="closed")
    found = Moving(stack, sides, tenant)
    found.publish(HOME_REGION)
    return found


def until(what: str, look: Callable[[], object]) -> None:
    deadline = time.monotonic() + 120
    while not look():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


def client_of(moving: Moving, caller: str) -> httpx.Client:
    client = moving.tenant.client(sub=caller)
    client.base_url = moving.sides[HOME_REGION].url
    return client


def counted(moving: Moving, region: str, name: str, **labels: str) -> float:
    """What a platform has counted of the tenant."""
    wanted = {"tenant": str(moving.tenant.id), **labels}
    text = httpx.get(f"{moving.sides[region].url}/metrics").text
    return sum(
        one.value
        for family in text_string_to_metric_families(text)
        for one in family.samples
        if one.name == name and wanted.items() <= one.labels.items()
    )


def handed(moving: Moving) -> float:
    return counted(moving, HOME_REGION, "rag_split_reads_total", by="green")


def mirrored(moving: Moving, outcome: str) -> float:
    return counted(moving, HOME_REGION, "rag_mirrored_total", **{"as": outcome})


@contextmanager
def following(move: Move) -> Iterator[None]:
    """Rounds all the while, with a moment between them in which green is behind."""
    stop = threading.Event()

    def carry() -> None:
        while not stop.wait(0.1):
            rounds.round(move)

    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(carry)
        try:
            yield
        finally:
            stop.set()
        running.result()


class Caller:
    """Writes and at once reads what it wrote; counts what it does not find."""

    def __init__(self, moving: Moving, number: int) -> None:
        self.client = client_of(moving, f"service:{number}")
        self.says_so = number % 2 == 0  # half of them send the token, half leave it to the platform
        self.stale: list[str] = []
        self.wrong: list[str] = []

    def work(self, enough: Callable[[], bool]) -> None:
        while not enough() and not self.stale and not self.wrong:
            made = self._send("POST", "/v1/documents", json={"title": "t", "text": "x"})
            path, told = (
                f"/v1/documents/{made.json().get('id')}",
                {"X-Read-After": made.headers.get("X-Last-Write", "")},
            )
            for _ in range(30):
                if self._send("GET", path, headers=told if self.says_so else {}).status_code != 200:
                    self.stale.append(path)

    def _send(self, method: str, path: str, **more: object) -> httpx.Response:
        answer = self.client.request(method, path, **more)  # type: ignore[arg-type]
        if answer.status_code >= 500 or answer.status_code == 401:
            self.wrong.append(f"{method} {answer.status_code} {answer.text}")
        return answer


def test_no_read_is_stale_and_some_are_answered_there(moving: Moving) -> None:
    move = moving.copied()
    with client_of(moving, "service:first") as client:
        ingest(client, "First", "It is there before anything moves.")
    moving.split(50)
    with following(move), ThreadPoolExecutor(CALLERS) as pool:
        began = time.monotonic()
        seen: list[float] = [0.0]

        def enough() -> bool:
            return seen[0] >= 30 or time.monotonic() - began > 90

        callers = [Caller(moving, number) for number in range(CALLERS)]
        running = [pool.submit(caller.work, enough) for caller in callers]
        while not all(one.done() for one in running):
            seen[0] = handed(moving)
            time.sleep(0.1)
        for one in running:
            one.result()
    assert [caller.wrong for caller in callers] == [caller.stale for caller in callers] == [[]] * CALLERS
    assert handed(moving) >= 30, "they were handed on"
    assert counted(moving, ABROAD, "rag_handed_reads_total", status="409") > 0, "and some would have been stale"


def test_green_dies_and_no_client_notices(moving: Moving) -> None:
    green, move = moving.sides[ABROAD], moving.copied()
    with client_of(moving, "service:one") as client, following(move):
        made = ingest(client, "Accruals", "The quarterly accrual is released after the count.")
        moving.split(100)

        def ask() -> bool:
            assert client.get(f"/v1/documents/{made['id']}").status_code == 200
            found = client.post("/v1/query", json={"q": "quarterly accrual"}).json()
            assert [one["document_id"] for one in found["passages"]] == [made["id"]]
            return handed(moving) >= 2

        until("reads answered there", ask)
        before = client.get("/v1/usage").json()["queries_today"]
        green.kill()
        try:
            for _ in range(10):
                ask()
            assert counted(moving, HOME_REGION, "rag_handed_unanswered_total", how="refused") >= 1
            assert client.get("/v1/usage").json()["queries_today"] == before + 10, "the owner counts, whoever answers"
        finally:
            green.start()


def test_what_is_missing_there_is_found_by_asking_both(moving: Moving) -> None:
    move = moving.copied()
    with client_of(moving, "service:one") as client:
        made = [ingest(client, f"Accruals {n}", f"Released after stock count number {n}.") for n in range(3)]
        moving.split(0, mirror=1.0)

        def ask(outcome: str) -> bool:
            assert client.get("/v1/documents").status_code == 200
            assert client.post("/v1/query", json={"q": "stock count"}).status_code == 200
            return mirrored(moving, outcome) >= 2

        with following(move):
            until("the rows", lambda: held(moving) == len(made))
            until("both sides alike", lambda: ask("same"))
            assert handed(moving) == 0, "nobody is answered there yet"
            assert mirrored(moving, "differs") == mirrored(moving, "empty") == 0
            with moving.store(ABROAD) as db:
                wanted = (moving.tenant.id, made[0]["id"])
                for table in ("access_controls", "chunk_vectors", "chunks"):
                    db.execute(f"DELETE FROM rag.{table} WHERE tenant_id = %s AND document_id = %s", wanted)
                db.execute("DELETE FROM rag.documents WHERE tenant_id = %s AND id = %s", wanted)
            until("a document that is missing", lambda: ask("differs"))
            with moving.store(ABROAD) as db:
                for table in ("access_controls", "chunk_vectors", "chunks", "documents"):
                    db.execute(f"DELETE FROM rag.{table} WHERE tenant_id = %s", (moving.tenant.id,))
            until("a green that has lost everything", lambda: ask("empty"))


def test_what_was_read_under_a_split_that_is_over_says_nothing_of_green(moving: Moving) -> None:
    """It waits while green is behind, and would be counted against the green of the next move."""
    moving.copied()
    with client_of(moving, "service:one") as client:
        made = ingest(client, "Accruals", "Released after the stock count.")
        moving.split(0, mirror=1.0)
        ticket = {"X-Handed": "t" * 43, "X-Routed-From": "elsewhere"}

        def is_known() -> bool:
            """What is asked with a ticket that holds is not counted."""
            answer = client.get("/v1/documents", headers=ticket)
            return answer.status_code == 200 and "RateLimit" not in answer.headers

        for region in (ABROAD, HOME_REGION):
            client.base_url = moving.sides[region].url
            until(f"the split known in {region}", is_known)
        for _ in range(6):
            assert client.get(f"/v1/documents/{made['id']}").status_code == 200
        moving.split(-1)
        until("those that waited", lambda: mirrored(moving, "unsettled") >= 3)
    assert mirrored(moving, "differs") == mirrored(moving, "empty") == 0


def held(moving: Moving) -> int:
    with moving.store(ABROAD) as db:
        row = db.execute("SELECT count(*) FROM rag.documents WHERE tenant_id = %s", (moving.tenant.id,)).fetchone()
    return int(row[0]) if row else 0


def test_only_who_shows_the_ticket_is_answered_there_and_nothing_is_written(moving: Moving) -> None:
    moving.copied()
    moving.split(0)
    with client_of(moving, "service:one") as client:
        client.base_url = moving.sides[ABROAD].url
        ticket = {"X-Handed": "t" * 43, "X-Routed-From": HOME_REGION}

        def known() -> bool:
            return client.get("/v1/documents", headers=ticket).status_code == 200

        until("the split known there", known)
        assert client.get("/v1/documents", headers=ticket | {"X-Handed": "guessed"}).status_code == 421
        refused = client.post("/v1/documents", json={"title": "t", "text": "x"}, headers=ticket)
        assert (refused.status_code, refused.json()["type"]) == (403, "urn:bailiwick:problem:read-only")
        late = client.get("/v1/documents", headers=ticket | {"X-Known-For": "60", "X-Read-After": f"1.{2**60}"})
        assert late.status_code == 409, "what is not there yet is said to be so"
        moving.split(-1)
        until("the split over", lambda: client.get("/v1/documents", headers=ticket).status_code == 421)
        assert client.get(f"/v1/documents/{uuid4()}").status_code == 404, "the owner answers again"
