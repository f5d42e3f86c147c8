"""A share of a moving tenant's reads is asked on both sides in the background, and the answers are compared."""

import queue
import random
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import httpx
from bailiwick_client import ReadSplit
from flask import request

from . import metrics
from .call import Call
from .handed import TICKET, Held
from .neighbours import HOP, Neighbours, Request, present
from .splitting import SLOW_SECONDS, unanswered

WAITING, WORKERS = 64, 2
OVERLAP = 0.9  # of the documents that answer a question
TRIES, SETTLE_SECONDS, LOOK_SECONDS = 4, 5.0, 0.1
NOT_MINE = 421  # says green, which has asked the registry anew, of a ticket that is none any more


@dataclass(frozen=True)
class Read:
    """One read, and whose."""

    tenant: str
    split: ReadSplit
    request: Request


class Mirror:
    """Never in a user's way: what does not fit into the queue is dropped, and counted.

    Neither side's answer is kept, counted as usage, or taken from a cache: both do the same work for it.
    """

    def __init__(self, region: str, neighbours: Neighbours) -> None:
        self._region = region
        self._neighbours = neighbours
        self._reads: queue.Queue[Read] = queue.Queue(WAITING)

    def start(self) -> None:
        """Begin to compare."""
        for number in range(WORKERS):
            threading.Thread(target=self._work, name=f"mirror-{number}", daemon=True).start()

    def offer(self, call: Call) -> None:
        """Perhaps compare the present read. One that the portal asks for its own sake always is."""
        split = call.tenant.reads
        if split is None or HOP in request.headers or not split.mirror:
            return
        if call.handed or random.random() < split.mirror:  # noqa: S311  (a sample, not a secret)
            try:
                self._reads.put_nowait(Read(str(call.tenant_id), split, present()))
            except queue.Full:
                metrics.MIRRORED.labels(str(call.tenant_id), "dropped").inc()

    def _work(self) -> None:
        while True:
            read = self._reads.get()
            with suppress(httpx.HTTPError):
                metrics.MIRRORED.labels(read.tenant, self._compared(read)).inc()

    def _compared(self, read: Read) -> str:
        """`same`, `differs` or `empty`; `unsettled` where it changes faster than it can be compared.

        So is what waited here for longer than its split was in force: it says nothing of the green of a later move.
        Green may be behind: an answer counts as different once green has all of the owner's answer, and the owner still
        says the same.
        """
        for _ in range(TRIES):
            asked, blue = time.monotonic(), self._owner(read)
            green = self._green(read)
            if blue.status_code >= 500 or green.status_code >= 500:
                return "unanswered"
            if agree(blue, green):
                return "same"
            green = self._caught_up(read, asked, green)
            if green.status_code == NOT_MINE:
                break
            if agree(blue, green):
                return "same"
            if agree(blue, self._owner(read), whole=True):
                return "empty" if rows(blue) and not rows(green) else "differs"
        return "unsettled"

    def _caught_up(self, read: Read, asked: float, green: httpx.Response) -> httpx.Response:
        """Green's answer once it holds what the owner did when it was asked, or the last one."""
        until = time.monotonic() + SETTLE_SECONDS
        while green.status_code != NOT_MINE and time.monotonic() < until and not _is_newer(green, asked):
            time.sleep(LOOK_SECONDS)
            green = self._green(read)
        return green

    def _owner(self, read: Read) -> httpx.Response:
        return self._send(self._region, read)

    def _green(self, read: Read) -> httpx.Response:
        try:
            answer = self._send(read.split.region, read)
        except httpx.HTTPError as error:
            unanswered(read.tenant, error)
            raise
        if answer.status_code >= 500:
            metrics.UNANSWERED.labels(read.tenant, "error").inc()
        return answer

    def _send(self, region: str, read: Read) -> httpx.Response:
        return self._neighbours.send(region, read.request, {TICKET: read.split.ticket}, SLOW_SECONDS, SLOW_SECONDS)


def _is_newer(green: httpx.Response, asked: float) -> bool:
    held = Held.of(green.headers.get("X-Applied", ""))
    return held is not None and held.age + 0.05 < time.monotonic() - asked


def agree(blue: httpx.Response, green: httpx.Response, *, whole: bool = False) -> bool:
    """Whether green's answer is as good as blue's: nearly all of its documents for a question, all of it otherwise."""
    if blue.status_code != green.status_code:
        return False
    if blue.status_code != 200 or blue.content == green.content:
        return True
    wanted, found = _passages(blue), _passages(green)
    if whole or wanted is None or found is None:
        return wanted is not None and wanted == found
    return len(wanted & found) >= OVERLAP * len(wanted) and bool(wanted) == bool(found)


def rows(answer: httpx.Response) -> int:
    """How much is in an answer."""
    found = _json(answer)
    if answer.status_code != 200 or not isinstance(found, dict):
        return int(answer.status_code == 200)
    return len(next((value for value in found.values() if isinstance(value, list)), [found]))


def _passages(answer: httpx.Response) -> set[str] | None:
    found = _json(answer)
    said = found.get("passages") if isinstance(found, dict) else None
    return {str(one["document_id"]) for one in said} if isinstance(said, list) else None


def _json(answer: httpx.Response) -> Any:
    try:
        return answer.json()
    except ValueError:
        return None
