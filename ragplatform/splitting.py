"""While a tenant moves its owner hands a share of the reads to the other region, and none that could be stale."""

import hashlib
import threading
import time
from dataclasses import dataclass, field

import httpx
from bailiwick_client import ReadSplit, ReadToken
from flask import request

from . import metrics
from .call import Call
from .handed import KNOWN_FOR, TICKET, Held
from .neighbours import HOP, Neighbours, present

SLOW_SECONDS, CONNECT_SECONDS = 2.0, 0.5
REST_SECONDS = 1.0  # after a read that was not answered
BELIEVED_SECONDS = 0.25  # so long it is not asked again what the other region does not have yet
MOST_WRITES = 40  # of one caller, in one request's header


@dataclass
class _Tenant:
    """What this process knows of one tenant's split."""

    move: str
    since: float = field(default_factory=time.monotonic)
    writes: dict[str, list[ReadToken]] = field(default_factory=dict)
    held: Held | None = None
    held_at: float = 0.0
    rests_until: float = 0.0


class Splitter:
    """Who handed reads on keeps in mind what their callers have written, whether they say so or not.

    A write that was acknowledged before this process had heard of the split is in every snapshot taken later: the other
    region is told for how long it is known here, and answers by a younger one only. So a restart forgets nothing.
    """

    def __init__(self, neighbours: Neighbours) -> None:
        self._neighbours = neighbours
        self._tenants: dict[str, _Tenant] = {}
        self._lock = threading.Lock()

    def note_write(self, call: Call, write: ReadToken) -> None:
        """Remember what a caller has been acknowledged."""
        with self._lock:
            known = self._tenants.get(str(call.tenant_id))
            if known is not None:
                mine = known.writes.setdefault(_caller(call), [])
                mine.append(write)
                if len(mine) > 2 * MOST_WRITES:
                    mine[:] = _missing(known.held, mine)

    def ask(self, call: Call) -> httpx.Response | None:
        """The other region's answer to the present request; None when it is to be answered here."""
        split = call.tenant.reads
        if split is None:
            with self._lock:
                self._tenants.pop(str(call.tenant_id), None)
            return None
        known = self._known(call, split)
        if not split.percent or call.handed or HOP in request.headers:
            return None
        answer = self._ask(call, split, known) if is_chosen(call, split.percent) else None
        metrics.SPLIT.labels(str(call.tenant_id), "blue" if answer is None else "green").inc()
        return answer

    def _known(self, call: Call, split: ReadSplit) -> _Tenant:
        tenant = str(call.tenant_id)
        with self._lock:
            known = self._tenants.get(tenant)
            if known is None or known.move != split.move:
                known = self._tenants[tenant] = _Tenant(split.move)
            return known

    def _ask(self, call: Call, split: ReadSplit, known: _Tenant) -> httpx.Response | None:
        writes, now = self._writes(call, known), time.monotonic()
        is_missing = bool(writes) and now - known.held_at < BELIEVED_SECONDS
        if is_missing or len(writes) > MOST_WRITES or now < known.rests_until:
            return None
        headers = {
            TICKET: split.ticket,
            KNOWN_FOR: f"{now - known.since:.3f}",
            "X-Read-After": ",".join(map(str, writes)),
        }
        tenant = str(call.tenant_id)
        try:
            answer = self._neighbours.send(split.region, present(), headers, SLOW_SECONDS, CONNECT_SECONDS)
        except httpx.HTTPError as error:
            unanswered(tenant, error)
            known.rests_until = now + REST_SECONDS
            return None
        known.held, known.held_at = Held.of(answer.headers.get("X-Applied", "")) or known.held, time.monotonic()
        if answer.status_code >= 500:
            metrics.UNANSWERED.labels(tenant, "error").inc()
        return answer if answer.status_code == 200 else None

    def _writes(self, call: Call, known: _Tenant) -> list[ReadToken]:
        """What the caller has written, or says so, and the other region is not known to show."""
        said = ReadToken.of(request.headers.get("X-Read-After", ""))
        with self._lock:
            mine = known.writes.get(_caller(call), [])
            mine[:] = _missing(known.held, mine)
            found = list(mine)
        return found + _missing(known.held, [said] if said else [])


def unanswered(tenant: str, error: httpx.HTTPError) -> None:
    """Count it against the other region."""
    how = "slow" if isinstance(error, httpx.TimeoutException) else "refused"
    metrics.UNANSWERED.labels(tenant, how).inc()


def is_chosen(call: Call, percent: int) -> bool:
    """Whether the caller is among the first so many hundredths: the same ones at every time, and more with more."""
    digest = hashlib.sha256(f"{call.tenant_id}:{_caller(call)}".encode()).digest()
    return int.from_bytes(digest[:4]) % 100 < percent


def _missing(held: Held | None, writes: list[ReadToken]) -> list[ReadToken]:
    return [one for one in writes if held is None or not one.is_visible_in(held.applied)]


def _caller(call: Call) -> str:
    return f"{call.subject}:{call.user_id or ''}"
