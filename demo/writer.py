"""One writer of the demo load: documents of its own in every tenant, and a ledger of what it was told."""

import hashlib
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any
from uuid import uuid4

import httpx

from demo.corpus import Text
from demo.ledger import Ledger
from demo.tour import Person
from demo.transfers import Transfers, budgets_of, unbalanced
from demo.verdict import Verdict

WRITERS, TOKEN_SECONDS, REPORT_SECONDS = 4, 600, 2.0
UNREACHABLE, STALE, STOPPED = "unreachable", "stale read", "stopped"
# Per tenant, in hundredths: the rest are questions. Every other insert takes an id whose document was deleted.
INSERT, DELETE, READ, TRANSFER = 20, 15, 15, 15
# Of a tenant: documents a writer keeps, the writers' share of its minute and of its day's questions.
ENOUGH, SHARE_OF_MINUTE, KEPT_QUESTIONS = 50, 0.8, 0.5


class Door:
    """One tenant's way to the platform; its token is renewed before it expires, and it reads what it wrote."""

    def __init__(self, person: Person, tenant: dict[str, Any]) -> None:
        self.name = str(tenant["name"])
        self._person = person
        self._path = f"/api/v1/tenants/{tenant['id']}/access-tokens/"
        self._http = httpx.Client(timeout=30)
        self._renew_at = 0.0
        self._url = ""
        usage = self.send("GET", "/v1/usage").raise_for_status().json()
        self.pause = WRITERS * 60 / (usage["limits"]["requests_per_minute"] * SHARE_OF_MINUTE)
        self._keep = usage["limits"]["max_queries_per_day"] * KEPT_QUESTIONS
        self.may_ask = usage["limits"]["max_queries_per_day"] - usage["queries_today"] > self._keep

    def send(self, method: str, path: str, body: dict[str, Any] | None = None) -> httpx.Response:
        """One request; raises httpx.HTTPError when the platform cannot be reached."""
        if time.monotonic() > self._renew_at:
            access = self._person.post(self._path, {"scope": ["read", "write", "admin"]})
            self._url, self._renew_at = access["platform_url"], time.monotonic() + TOKEN_SECONDS
            self._http.headers["Authorization"] = f"Bearer {access['access_token']}"
        answer = self._http.request(method, self._url + path, json=body)
        if "X-Last-Write" in answer.headers:
            self._http.headers["X-Read-After"] = answer.headers["X-Last-Write"]
        return answer

    def ask(self, question: str) -> int:
        """One question; no more once the day's are half used up, so that people can still ask theirs."""
        answer = self.send("POST", "/v1/query", {"q": question})
        self.may_ask = answer.status_code == 200 and answer.json()["queries_left_today"] > self._keep
        return answer.status_code


class Writer:
    """A thread for each tenant, which reads, transfers and writes until told to stop."""

    def __init__(self, doors: list[Door], texts: Sequence[Text], ledger: Ledger, seed: str) -> None:
        self._doors = doors
        self._texts = texts
        self._ledger = ledger
        self._transfers = Transfers()
        self._seed = seed
        self._counts: Counter[str] = Counter()
        self._times: list[float] = []
        self._lock = threading.Lock()

    def run(self, is_over: Callable[[], bool], report: Callable[[Counter[str], list[float]], None]) -> None:
        """Work until it is over; tells every two seconds what was done and how long each request took."""
        threads = [threading.Thread(target=self._work, args=(door, is_over)) for door in self._doors]
        for thread in threads:
            thread.start()
        for thread in threads:
            while thread.is_alive():
                thread.join(REPORT_SECONDS)
                report(*self._news())
        report(*self._news())

    def check(self) -> Verdict:
        """Read every acknowledged write back; says which are not as acknowledged, and what does not add up."""
        found = Verdict(acknowledged=self._ledger.written + len(self._transfers.made))
        doors = {door.name: door for door in self._doors}
        for (tenant, document), told in self._ledger.state.items():
            self._check_document(found, doors[tenant], document, told)
        for door in self._doors:
            self._check_transfers(found, door)
            there = patiently(door, "/v1/budgets").raise_for_status().json()["budgets"]
            found.unbalanced += unbalanced(door.name, there, budgets_of(door))
        return found

    def _check_document(self, found: Verdict, door: Door, document: str, told: str | None) -> None:
        answer = patiently(door, f"/v1/documents/{document}/content")
        there = hashlib.sha256(answer.content).hexdigest() if answer.status_code == 200 else None
        if there == told and answer.status_code in (200, 404):
            return
        is_older = there in self._ledger.past.get((door.name, document), ())
        said = f"{door.name} {document}: acknowledged {told}, found {answer.status_code} {there}"
        (found.reordered if is_older else found.lost).append(said)

    def _check_transfers(self, found: Verdict, door: Door) -> None:
        """Those of one writer were asked for one after the other, and that is how the store has dated them."""
        latest: datetime | None = None
        for (tenant, transfer), tokens in self._transfers.made.items():
            if tenant != door.name:
                continue
            answer = patiently(door, f"/v1/budget-transfers/{transfer}")
            if answer.status_code != 200 or answer.json()["tokens"] != tokens:
                said = f"{tenant} transfer {transfer}: acknowledged {tokens}, found {answer.text[:200]}"
                found.lost.append(said)
                continue
            made = datetime.fromisoformat(answer.json()["made_at"])
            if latest is not None and made < latest:
                found.reordered.append(f"{tenant} transfer {transfer}: made at {made}, the one before it at {latest}")
            latest = made

    def _news(self) -> tuple[Counter[str], list[float]]:
        with self._lock:
            told = self._counts, self._times
            self._counts, self._times = Counter(), []
        return told

    def _work(self, door: Door, is_over: Callable[[], bool]) -> None:
        try:
            self._transfers.open(door)
            self._load(door, is_over)
        except BaseException as error:  # else nobody would miss what this tenant was not asked
            with self._lock:
                self._counts[f"{STOPPED} {door.name}: {error!r}"[:200]] += 1
                self._times.append(0.0)
            raise

    def _load(self, door: Door, is_over: Callable[[], bool]) -> None:
        dice = random.Random(f"{self._seed} {door.name}")  # noqa: S311
        while not is_over():
            began = time.monotonic()
            try:
                kind, status = self._one(door, dice)
            except (httpx.HTTPError, SystemExit):
                kind, status = UNREACHABLE, 0
            with self._lock:
                self._counts[f"{kind} {status}" if status >= 400 else kind] += 1
                self._times.append(time.monotonic() - began)
            time.sleep(max(0.0 if status else 0.2, began + door.pause - time.monotonic()))

    def _one(self, door: Door, dice: random.Random) -> tuple[str, int]:
        roll, live = dice.randrange(100), self._ledger.live(door.name)
        if not live or (roll < INSERT and len(live) < ENOUGH):
            gone = self._ledger.gone(door.name)
            if gone and dice.randrange(2):
                return "insert again", self._insert(door, dice, dice.choice(gone))
            return "insert", self._insert(door, dice, str(uuid4()))
        document = dice.choice(live)
        if roll < INSERT + DELETE:
            return "delete", self._delete(door, document)
        if roll < INSERT + DELETE + TRANSFER:
            return "transfer", self._transfers.one(door, dice)
        if roll < INSERT + DELETE + TRANSFER + READ or not door.may_ask:
            return self._read(door, document)
        words = dice.choice(self._texts).body.split()
        start = dice.randrange(max(1, len(words) - 8))
        return "query", door.ask(" ".join(words[start : start + 8])[:500])

    def _insert(self, door: Door, dice: random.Random, document: str) -> int:
        text = dice.choice(self._texts)
        body = {"id": document, "title": text.title, "text": f"{text.body}\n\n{uuid4()}", "source": "demo-load"}
        answer = self._write(door, "POST", "/v1/documents", document, body)
        if answer.status_code in (200, 201):
            self._ledger.write(door.name, document, answer.json()["sha256"])
        return answer.status_code

    def _delete(self, door: Door, document: str) -> int:
        status = self._write(door, "DELETE", f"/v1/documents/{document}", document).status_code
        if status == 204:
            self._ledger.write(door.name, document, None)
        return status

    def _write(
        self, door: Door, method: str, path: str, document: str, body: dict[str, str] | None = None
    ) -> httpx.Response:
        """One write, whose document is vouched for no longer when nobody can say whether it was done."""
        try:
            answer = door.send(method, path, body)
        except httpx.HTTPError:
            self._ledger.doubt(door.name, document)
            raise
        if answer.status_code >= 500:
            self._ledger.doubt(door.name, document)
        return answer

    def _read(self, door: Door, document: str) -> tuple[str, int]:
        answer = door.send("GET", f"/v1/documents/{document}")
        told = self._ledger.state[door.name, document]
        return (STALE if answer.is_success and answer.json()["sha256"] != told else "read"), answer.status_code


def patiently(door: Door, path: str) -> httpx.Response:
    """A GET that waits out rate limits and short outages."""
    deadline = time.monotonic() + 90
    while True:
        try:
            answer = door.send("GET", path)
            if answer.status_code not in (429, 503) or time.monotonic() > deadline:
                return answer
            time.sleep(min(5.0, float(answer.headers.get("Retry-After", "1"))))
        except httpx.HTTPError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.5)
