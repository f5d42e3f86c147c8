"""Live load on the reference platform: four writer processes over the active demo tenants until Ctrl-C.

Each keeps a ledger of its acknowledged writes; at the end every ledger is read back against the platform. HTTP only.
"""

import multiprocessing
import os
import queue
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from demo.corpus import collect
from demo.ledger import Ledger
from demo.moves import there_and_back
from demo.tour import TENANTS, Person, until
from demo.verdict import Verdict
from demo.writer import REPORT_SECONDS, STALE, STOPPED, UNREACHABLE, WRITERS, Door, Writer

# A full quota refuses rightly, and the load is there to meet it.
NO_ERROR = " 429"


class Tally:
    """What all writers have told, and what of it was an error."""

    def __init__(self) -> None:
        self.done: Counter[str] = Counter()
        self.errors: Counter[str] = Counter()
        self._counts: Counter[str] = Counter()
        self._times: list[float] = []

    def add(self, counts: Counter[str], times: list[float]) -> None:
        """Take in one writer's last seconds."""
        self.done += counts
        self._counts += counts
        self._times += times
        self.errors += Counter({kind: number for kind, number in counts.items() if _is_error(kind)})

    def line(self) -> str:
        """The last seconds of all of them; empty when nothing was done."""
        counts, times = self._counts, sorted(self._times)
        self._counts, self._times = Counter(), []
        if not times:
            return ""
        rates = "  ".join(f"{kind} {number / REPORT_SECONDS:.1f}/s" for kind, number in sorted(counts.items()))
        middle, high, worst = (times[min(len(times) - 1, int(len(times) * part))] * 1000 for part in (0.5, 0.95, 1))
        errors = f"errors {self.errors.total()}"
        return (
            f"{len(times) / REPORT_SECONDS:6.1f} requests/s  p50 {middle:.0f} ms  p95 {high:.0f} ms"
            f"  max {worst:.0f} ms  {errors}  {rates}"
        )


def run(moves: int = 0) -> None:
    """Load the active demo tenants until Ctrl-C, or until one of them has moved so many times.

    Exits 1 unless the verdict is clean: nothing lost or reordered, sums intact, no error seen, every move made.
    """
    if not doors():
        raise SystemExit("No demo tenant is active: start `make run` and let the tour finish first.")
    folder = Path(os.environ.get("BAILIWICK_HOME", "var")) / "demo-load"
    folder.mkdir(parents=True, exist_ok=True)
    seed = str(time.time_ns())
    tell(f"{WRITERS} writers; seed {seed}; ledgers {folder}/{seed}-*.jsonl; Ctrl-C ends it.")
    processes = multiprocessing.get_context("spawn")
    over, told = processes.Event(), processes.Queue()
    begun = [processes.Event() for _ in range(WRITERS)]
    writers = [
        processes.Process(target=write, args=(folder / f"{seed}-{number}.jsonl", f"{seed} {number}", one, over, told))
        for number, one in enumerate(begun)
    ]
    for writer in writers:
        writer.start()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: over.set())
    moving = Moving(moves, lambda: all(one.is_set() for one in begun), over)
    moving.start()
    verdict = follow(list(writers), told)
    verdict.is_moved = moving.is_done
    for line in verdict.lines():
        tell(line)
    raise SystemExit(0 if verdict.is_clean else 1)


class Moving(threading.Thread):
    """Moves a tenant there and back while the load goes on, and then ends the load; no times are no end."""

    def __init__(self, times: int, is_loaded: Callable[[], bool], over: Any) -> None:
        super().__init__(daemon=True)
        self._times, self._is_loaded, self._over, self.is_done = times, is_loaded, over, not times

    def run(self) -> None:
        if not self._times:
            return
        try:
            until("every writer at work", self._is_loaded)
            there_and_back(self._times)
            self.is_done = True
        except SystemExit as failed:
            tell(str(failed))
        finally:
            self._over.set()


def write(ledger: Path, seed: str, begun: Any, over: Any, told: Any) -> None:
    """One process: write until it is over, then read everything back; `begun` once something was asked."""
    for number in (signal.SIGINT, signal.SIGTERM):  # the first process hears them, and says when it is over
        signal.signal(number, signal.SIG_IGN)
    own = Ledger(ledger)
    writer = Writer(doors(), collect(), own, seed)
    parent = multiprocessing.parent_process()

    def report(counts: Counter[str], times: list[float]) -> None:
        told.put((counts, times))
        if counts:
            begun.set()

    writer.run(lambda: over.is_set() or not (parent and parent.is_alive()), report)
    told.put((writer.check(), []))


def follow(writers: list[BaseProcess], told: Any) -> Verdict:
    """Report until the last writer has ended; then what they found, and the errors they saw."""
    tally, found, ended = Tally(), Verdict(), 0
    report_at = time.monotonic() + REPORT_SECONDS
    while ended < len(writers) and (any(writer.is_alive() for writer in writers) or not told.empty()):
        try:
            what, times = told.get(timeout=REPORT_SECONDS)
        except queue.Empty:
            continue
        if isinstance(what, Verdict):
            ended += 1
            found.take(what)
        else:
            tally.add(what, times)
        if time.monotonic() >= report_at:
            report_at = time.monotonic() + REPORT_SECONDS
            tell(tally.line())
    found.errors, found.died = tally.errors, len(writers) - ended
    return found


def doors() -> list[Door]:
    """A door of this process to each demo tenant that is active."""
    return [door for wanted in TENANTS if (door := _door(wanted))]


def _door(wanted: dict[str, Any]) -> Door | None:
    person = Person(wanted["champion"])
    found = person.get("/api/v1/tenants/", name=wanted["name"])["results"]
    active = [tenant for tenant in found if tenant["name"] == wanted["name"] and tenant["status"] == "active"]
    return Door(person, active[0]) if active else None


def _is_error(kind: str) -> bool:
    is_refusal = kind[-3:].isdigit() and not kind.endswith(NO_ERROR)
    return is_refusal or kind in (UNREACHABLE, STALE) or kind.startswith(STOPPED)


def tell(text: str) -> None:
    """One line, at once."""
    if text:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()
