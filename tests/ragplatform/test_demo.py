"""The demo's filling can be repeated, and its load keeps a ledger that finds a lost write."""

import time
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import pytest

from demo.corpus import LARGEST, SMALLEST, collect
from demo.ingest import fill, slice_of
from demo.ledger import Ledger
from demo.load import Tally
from demo.transfers import unbalanced
from demo.verdict import Verdict
from demo.writer import Writer
from tests.ragplatform.conftest import Tenant


def test_the_corpus_is_the_same_every_time() -> None:
    texts = collect()
    collect.cache_clear()
    assert texts == collect()
    assert len(texts) > 200
    assert len({text.body for text in texts}) == len(texts)
    assert all(SMALLEST <= len(text.body) <= LARGEST for text in texts)
    assert list(slice_of("risk-models", 5)) == list(slice_of("risk-models", 5))
    assert list(slice_of("risk-models", 5)) != list(slice_of("hr-operations", 5))


def test_filling_twice_is_filling_once(fresh: Tenant) -> None:
    assert fill(fresh.platform.url, fresh.token(), "risk-models", 12) == 12
    assert fill(fresh.platform.url, fresh.token(), "risk-models", 12) == 0
    with fresh.client() as client:
        texts = [one for one in client.get("/v1/documents").json()["documents"] if one["source"] != "demo"]
        for text in texts[:4]:
            client.delete(f"/v1/documents/{text['id']}")
        fill(fresh.platform.url, fresh.token(), "risk-models", 12)
        assert texts[0]["id"] in {found["id"] for found in client.get("/v1/documents").json()["documents"]}
        usage = client.get("/v1/usage").json()
        assert (usage["documents"], usage["users"]) == (15, 3), "twelve texts, and a note of each of three people"
        assert len(client.get("/v1/api-keys").json()["keys"]) == 1


def test_filling_without_the_right_to_make_people_fills_documents(fresh: Tenant) -> None:
    assert fill(fresh.platform.url, fresh.token(scope="read write"), "hr-operations", 3) == 3


class Straight:
    """A door without the portal in front of it."""

    pause = 0.01
    may_ask = True

    def __init__(self, tenant: Tenant) -> None:
        self.name = tenant.names.name
        self._http = tenant.client()

    def send(self, method: str, path: str, body: dict[str, Any] | None = None) -> httpx.Response:
        return self._http.request(method, path, json=body)

    def ask(self, question: str) -> int:
        return self.send("POST", "/v1/query", {"q": question}).status_code


def test_the_load_finds_a_write_that_was_lost(fresh: Tenant, tmp_path: Path) -> None:
    door: Any = Straight(fresh)
    ledger = Ledger(tmp_path / "ledger.jsonl")
    writer, tally = Writer([door], collect(30), ledger, seed="7"), Tally()
    deadline = time.monotonic() + 120

    def is_over() -> bool:
        return min(tally.done["insert again"], tally.done["transfer"] - 1) > 0 or time.monotonic() > deadline

    writer.run(is_over, tally.add)
    assert tally.done["insert again"] and tally.done["delete"] and tally.done["read"] and tally.done["transfer"]
    assert not tally.errors
    assert len(ledger.path.read_text().splitlines()) > len(ledger.state) > 3
    assert writer.check().is_clean
    kept = ledger.live(fresh.names.name)
    with fresh.client() as client:
        assert client.delete(f"/v1/documents/{kept[0]}").status_code == 204
    found = writer.check()
    assert (len(found.lost), len(found.reordered), len(found.unbalanced)) == (1, 0, 0) and not found.is_clean
    assert kept[0] in found.lost[0]
    ledger.write(fresh.names.name, kept[1], "0" * 64)  # as if another content had been acknowledged after it
    made = writer._transfers.made
    made.update([made.popitem() for _ in range(len(made))])  # as if acknowledged the other way round
    found = writer.check()
    assert len(found.lost) == 1 and kept[1] in " ".join(found.reordered)
    assert len(found.reordered) == len(made), "all transfers but the first, and the document"


def test_what_does_not_add_up_is_found() -> None:
    one, two = (
        {"id": name, "name": name, "opening": 2_000, "tokens": 2_000, "received": 0, "paid": 0} for name in "ab"
    )
    assert unbalanced("acme", [one, two, {**one, "id": "a stranger's"}], ["a", "b"]) == []
    lost = unbalanced("acme", [{**one, "tokens": 1_990}, two], ["a", "b"])
    assert [line.split(":")[0] for line in lost] == ["acme a", "acme"]


def test_the_load_calls_an_error_what_a_client_should_not_see() -> None:
    tally = Tally()
    seen = {"read": 3, "insert 429": 2, "delete 404": 1, "stale read": 1, "query 503": 2, "unreachable": 1}
    seen["stopped acme: KeyError('x')"] = 1
    tally.add(Counter(seen), [0.1] * 10)
    ours = {"delete 404": 1, "stale read": 1, "query 503": 2, "unreachable": 1, "stopped acme: KeyError('x')": 1}
    assert tally.errors == Counter(ours)
    assert "errors 6" in tally.line() and tally.line() == ""


FAULTS = [
    {"lost": ["acme d1"]}, {"reordered": ["acme d1"]}, {"unbalanced": ["acme Team 1"]}, {"died": 1},
    {"errors": Counter({"insert 503": 1})}, {"is_moved": False}, {"acknowledged": 0},
]  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: next(iter(fault)))
def test_any_fault_alone_spoils_the_verdict(fault: dict[str, Any]) -> None:
    assert Verdict(acknowledged=7).is_clean
    assert not Verdict(**{"acknowledged": 7, **fault}).is_clean


def test_the_verdict_names_each_finding() -> None:
    verdict = Verdict(acknowledged=3, lost=["acme d1"], died=1, is_moved=False)
    verdict.take(Verdict(acknowledged=4, reordered=["acme t1"], unbalanced=["acme: 3,990 tokens of 4,000 are left"]))
    said = verdict.lines()
    assert said[:3] == ["lost: acme d1", "reordered: acme t1", "does not add up: acme: 3,990 tokens of 4,000 are left"]
    assert said[-1] == "7 acknowledged writes: 1 lost, 1 reordered, 1 sums wrong, 0 errors seen by clients."


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_tenant_whose_load_stops_is_an_error(fresh: Tenant, tmp_path: Path) -> None:
    """Else its writes would be found as acknowledged because there are none."""
    door: Any = Straight(fresh)
    door._http.base_url = "http://127.0.0.1:9"  # where nobody listens
    tally = Tally()
    Writer([door], collect(30), Ledger(tmp_path / "ledger.jsonl"), seed="7").run(lambda: False, tally.add)
    assert [kind.split(":")[0] for kind in tally.errors] == [f"stopped {fresh.names.name}"]
