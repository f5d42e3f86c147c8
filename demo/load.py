"""Live load on the reference platform: mixed reads and writes for the active demo tenants until Ctrl-C.

Every acknowledged write goes into a ledger; at the end the ledger is read back against the platform. Speaks HTTP only.
"""

import hashlib
import json
import os
import random
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx

from demo.corpus import Text, collect
from demo.tour import TENANTS, Person

WRITERS, TOKEN_SECONDS, REPORT_SECONDS = 2, 600, 2.0
# Per tenant, in hundredths: the rest are questions.
INSERT, DELETE, READ = 15, 10, 15
# A tenant keeps this many documents of the load, this share of its minute and this share of its day's questions.
ENOUGH, SHARE_OF_MINUTE, KEPT_QUESTIONS = 200, 0.8, 0.5


@dataclass
class Ledger:
    """What the platform has acknowledged: document id to content hash, None once its deletion was."""

    path: Path
    state: dict[tuple[str, str], str | None] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def write(self, tenant: str, document: str, sha256: str | None) -> None:
        """Note an acknowledged insert (its hash) or deletion (None), in memory and as a line of the file."""
        line = {"at": time.time(), "tenant": tenant, "document": document, "sha256": sha256}
        with self._lock, self.path.open("a") as file:
            self.state[tenant, document] = sha256
            file.write(json.dumps(line) + "\n")

    def doubt(self, tenant: str, document: str) -> None:
        """Stop vouching for a document whose deletion was neither acknowledged nor refused."""
        with self._lock:
            self.state.pop((tenant, document), None)

    def live(self, tenant: str) -> list[str]:
        """The documents of a tenant that are there as far as we were told."""
        with self._lock:
            return [document for (owner, document), sha256 in self.state.items() if owner == tenant and sha256]


class Door:
    """One tenant's way to the platform, with a token that is renewed before it expires."""

    def __init__(self, person: Person, tenant: dict[str, Any]) -> None:
        self.name = str(tenant["name"])
        self._person = person
        self._path = f"/api/v1/tenants/{tenant['id']}/access-tokens/"
        self._http = httpx.Client(timeout=10)
        self._lock = threading.Lock()
        self._renew_at = 0.0
        self._url = ""
        usage = self.send("GET", "/v1/usage").raise_for_status().json()
        self.pause = WRITERS * 60 / (usage["limits"]["requests_per_minute"] * SHARE_OF_MINUTE)
        self._keep = usage["limits"]["max_queries_per_day"] * KEPT_QUESTIONS
        self.may_ask = usage["limits"]["max_queries_per_day"] - usage["queries_today"] > self._keep

    def send(self, method: str, path: str, body: dict[str, Any] | None = None) -> httpx.Response:
        """One request; raises httpx.HTTPError when the platform cannot be reached."""
        with self._lock:
            if time.monotonic() > self._renew_at:
                access = self._person.post(self._path, {"scope": ["read", "write"]})
                self._url, self._renew_at = access["platform_url"], time.monotonic() + TOKEN_SECONDS
                self._http.headers["Authorization"] = f"Bearer {access['access_token']}"
        return self._http.request(method, self._url + path, json=body)

    def ask(self, question: str) -> int:
        """One question; no more once the day's are half used up, so that people can still ask theirs."""
        answer = self.send("POST", "/v1/query", {"q": question})
        self.may_ask = answer.status_code == 200 and answer.json()["queries_left_today"] > self._keep
        return answer.status_code


class Load:
    """Threads that read and write until told to stop."""

    def __init__(self, doors: list[Door], texts: Sequence[Text], ledger: Ledger, seed: int) -> None:
        self._doors = doors
        self._texts = texts
        self._ledger = ledger
        self._seed = seed
        self._stop = threading.Event()
        self._counts: Counter[str] = Counter()
        self._times: list[float] = []
        self._lock = threading.Lock()

    def run(self) -> None:
        """Work and report until stop() is called."""
        threads = [
            threading.Thread(target=self._work, args=(door, random.Random(f"{self._seed} {door.name} {number}")))  # noqa: S311
            for door in self._doors
            for number in range(WRITERS)
        ]
        for thread in threads:
            thread.start()
        while not self._stop.wait(REPORT_SECONDS):
            self._report()
        for thread in threads:
            thread.join()

    def stop(self) -> None:
        """Let every thread finish what it has sent."""
        self._stop.set()

    def check(self) -> int:
        """Read every acknowledged write back; returns how many are not as acknowledged."""
        wrong = 0
        doors = {door.name: door for door in self._doors}
        for (tenant, document), sha256 in self._ledger.state.items():
            answer = patiently(doors[tenant], f"/v1/documents/{document}/content")
            found = hashlib.sha256(answer.content).hexdigest() if answer.status_code == 200 else None
            if found != sha256 or answer.status_code not in (200, 404):
                wrong += 1
                tell(f"{tenant} {document}: acknowledged {sha256}, found {answer.status_code} {found}")
        return wrong

    def _work(self, door: Door, dice: random.Random) -> None:
        while not self._stop.is_set():
            began = time.monotonic()
            try:
                kind, status = self._one(door, dice)
            except (httpx.HTTPError, SystemExit):
                kind, status = "unreachable", 0
            with self._lock:
                self._counts[f"{kind} {status}" if status >= 400 else kind] += 1
                self._times.append(time.monotonic() - began)
            self._stop.wait(max(0.0 if status else 0.2, began + door.pause - time.monotonic()))

    def _one(self, door: Door, dice: random.Random) -> tuple[str, int]:
        roll, live = dice.randrange(100), self._ledger.live(door.name)
        if not live or (roll < INSERT and len(live) < ENOUGH):
            return "insert", self._insert(door, dice)
        document = dice.choice(live)
        if roll < INSERT + DELETE:
            return "delete", self._delete(door, document)
        if roll < INSERT + DELETE + READ or not door.may_ask:
            return "read", door.send("GET", f"/v1/documents/{document}").status_code
        words = dice.choice(self._texts).body.split()
        start = dice.randrange(max(1, len(words) - 8))
        return "query", door.ask(" ".join(words[start : start + 8])[:500])

    def _insert(self, door: Door, dice: random.Random) -> int:
        text, document = dice.choice(self._texts), str(uuid4())
        body = {"id": document, "title": text.title, "text": f"{text.body}\n\n{document}", "source": "demo-load"}
        answer = door.send("POST", "/v1/documents", body)
        if answer.status_code in (200, 201):
            self._ledger.write(door.name, document, answer.json()["sha256"])
        return answer.status_code

    def _delete(self, door: Door, document: str) -> int:
        try:
            status = door.send("DELETE", f"/v1/documents/{document}").status_code
        except httpx.HTTPError:
            self._ledger.doubt(door.name, document)
            raise
        if status in (204, 404):
            # 404: the other thread was first
            self._ledger.write(door.name, document, None)
        elif status >= 500:
            self._ledger.doubt(door.name, document)
        return status

    def _report(self) -> None:
        with self._lock:
            counts, times = self._counts, sorted(self._times)
            self._counts, self._times = Counter(), []
        if not times:
            return
        rates = "  ".join(f"{kind} {number / REPORT_SECONDS:.1f}/s" for kind, number in sorted(counts.items()))
        middle, high = times[len(times) // 2] * 1000, times[int(len(times) * 0.95)] * 1000
        tell(f"{len(times) / REPORT_SECONDS:6.1f} requests/s  p50 {middle:.0f} ms  p95 {high:.0f} ms  {rates}")


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


def run() -> None:
    """Find the active demo tenants and load them until Ctrl-C; exits 1 when an acknowledged write is lost."""
    doors = [door for wanted in TENANTS if (door := _door(wanted))]
    if not doors:
        raise SystemExit("No demo tenant is active: start `make run` and let the tour finish first.")
    folder = Path(os.environ.get("BAILIWICK_HOME", "var")) / "demo-load"
    folder.mkdir(parents=True, exist_ok=True)
    seed = time.time_ns()
    ledger = Ledger(folder / f"ledger-{seed}.jsonl")
    tell(f"Loading {', '.join(door.name for door in doors)}; seed {seed}; ledger {ledger.path}; Ctrl-C ends it.")
    load = Load(doors, collect(), ledger, seed)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: load.stop())
    load.run()
    tell(f"Reading {len(ledger.state)} acknowledged writes back.")
    wrong = load.check()
    tell(f"{len(ledger.state) - wrong} of {len(ledger.state)} are as acknowledged.")
    raise SystemExit(1 if wrong else 0)


def _door(wanted: dict[str, Any]) -> Door | None:
    person = Person(wanted["champion"])
    found = person.get("/api/v1/tenants/", name=wanted["name"])["results"]
    active = [tenant for tenant in found if tenant["name"] == wanted["name"] and tenant["status"] == "active"]
    return Door(person, active[0]) if active else None


def tell(text: str) -> None:
    """One line, at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
