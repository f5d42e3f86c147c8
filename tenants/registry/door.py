"""What enforcement points ask, answered without the weight of a web framework.

`answer` serves `/v1/snapshot/{tenant}` (one snapshot, with an ETag) and `/v1/snapshots?since=&status=&point=&wait=`
(what changed, under a lease). Every answer rests on a read of the primary that began after the question had arrived.
"""

import hashlib
import json
import re
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs

import structlog
from django.db import DatabaseError, InterfaceError, OperationalError

from portal.access import policy
from portal.access.actor import Actor
from portal.access.authentication import bearer
from portal.lib.problems import TYPE_PREFIX

from . import points
from .mirror import State, mirror
from .watch import watch

log = structlog.get_logger(__name__)
ONE = re.compile(r"/v1/snapshot/([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})")
MANY = "/v1/snapshots"
POINT = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
VERB = "snapshot.view"
KNOWN_FOR, KNOWN = 1.0, 4096
LONGEST_WAIT, WAITING = 25.0, threading.BoundedSemaphore(4)
PATIENCE, LOOKING_UP = 1.5, threading.BoundedSemaphore(2)  # threads that a database that hangs may hold
Answer = tuple[int, dict[str, str], bytes]


class Refused(Exception):
    """Why there is no answer, as an answer."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status, self.detail = status, detail

    def answer(self) -> Answer:
        headers = {"Content-Type": "application/problem+json"}
        if self.status == 401:
            headers["WWW-Authenticate"] = 'Bearer realm="bailiwick"'
        if self.status == 405:
            headers["Allow"] = "GET"
        if self.status == 503:
            headers["Retry-After"] = "1"
        title = HTTPStatus(self.status).phrase
        kind = TYPE_PREFIX + title.lower().replace(" ", "-")
        body = {"type": kind, "title": title, "status": self.status, "detail": self.detail}
        return self.status, headers, json.dumps(body).encode()


@contextmanager
def looking_up() -> Iterator[None]:
    """Raises OperationalError when the database answers neither this question nor those before it."""
    if not LOOKING_UP.acquire(timeout=PATIENCE):
        raise OperationalError("the questions before this one are not answered")
    try:
        yield
    finally:
        LOOKING_UP.release()


class Everywhere:
    """Only a grant over the whole installation reaches it."""

    def access_scope(self) -> dict[str, str]:
        return {}


def answer(method: str, path: str, query: str, authorization: str, etag: str = "") -> Answer:
    """Status, headers and body for one question."""
    try:
        if method != "GET":
            raise Refused(405, "GET only")
        actor = _caller(authorization)
        if path == MANY:
            return _many(actor, _asked(query))
        if found := ONE.fullmatch(path):
            return _one(actor, found[1], etag)
        raise Refused(404, "There is no such address.")
    except Refused as refused:
        return refused.answer()
    except (OperationalError, InterfaceError) as error:
        log.warning("registry.database_away", error=type(error).__name__)
        return Refused(503, "The registry's database cannot be asked now.").answer()


def _one(actor: Actor, tenant_id: str, etag: str) -> Answer:
    state = mirror().fresh()
    found = state.snapshot(tenant_id)
    if found is None or not policy.can(actor, VERB, state.standings[tenant_id]):
        raise Refused(404, "There is no such tenant.")
    present = state.etag(tenant_id)
    headers = {"ETag": present, "Content-Type": "application/json"}
    return (304, headers, b"") if etag == present else (200, headers, json.dumps(found).encode())


@dataclass(frozen=True)
class Asked:
    """The versions up to which the caller knows everything, its name, and how long it would wait for news."""

    since: int
    status: int
    point: str
    wait: float


def _many(actor: Actor, asked: Asked) -> Answer:
    if asked.point:
        _note(actor, asked)
    state = mirror().fresh()
    if asked.wait and (state.config_version, state.status_version) == (asked.since, asked.status):
        state = _later(asked.wait)
    return 200, {"Content-Type": "application/json"}, json.dumps(_news(actor, asked, state)).encode()


def _later(wait: float) -> State:
    """The registry after the next change, or after `wait` seconds; at once when too many wait here already."""
    if WAITING.acquire(blocking=False):
        try:
            watch().wait(wait)
        finally:
            WAITING.release()
    return mirror().fresh()


def _news(actor: Actor, asked: Asked, state: State) -> dict[str, Any]:
    configurations = {pk: one.told for pk, one in state.configurations.items() if one.version > asked.since}
    standings = {
        pk: one for pk, one in state.standings.items() if one.version > asked.status or pk in configurations
    } if configurations or state.status_version > asked.status else {}  # fmt: skip
    if not policy.can(actor, VERB, Everywhere()):
        standings = {pk: one for pk, one in standings.items() if policy.can(actor, VERB, one)}
    return {
        "status_version": state.status_version,
        "config_version": state.config_version,
        "configurations": [told for pk, told in configurations.items() if pk in standings],
        "standings": [one.told() for one in standings.values()],
    }


def _note(actor: Actor, asked: Asked) -> None:
    """What cannot be written down costs a receipt a line, and nobody a lease."""
    try:
        with looking_up():
            points.heard(asked.point, actor.id, asked.status)
    except DatabaseError as error:
        log.warning("registry.not_noted", point=asked.point, error=type(error).__name__)


def _asked(query: str) -> Asked:
    given = {name: values[-1] for name, values in parse_qs(query, keep_blank_values=True).items()}
    if unknown := sorted(set(given) - {"since", "status", "point", "wait"}):
        raise Refused(400, f"Unknown: {', '.join(unknown)[:100]}. There are since, status, point and wait.")
    numbers = {name: given.get(name, "0") for name in ("since", "status", "wait")}
    for name, value in numbers.items():
        if not (value.isascii() and value.isdigit() and len(value) <= 18):
            raise Refused(400, f"{name} is a whole number from 0.")
    point = given.get("point", "")
    if point and not POINT.fullmatch(point):
        raise Refused(400, "point is 1 to 64 of a-z, 0-9, dot, dash and underscore.")
    return Asked(int(numbers["since"]), int(numbers["status"]), point, min(float(numbers["wait"]), LONGEST_WAIT))


_callers: OrderedDict[bytes, tuple[float, Actor]] = OrderedDict()


def _caller(authorization: str) -> Actor:
    """Who asks. A credential is believed for a second without looking again."""
    digest = hashlib.sha256(authorization.encode()).digest()
    found = _callers.get(digest)
    if found is not None and time.monotonic() - found[0] < KNOWN_FOR:
        return found[1]
    with looking_up():
        actor = _looked_up(authorization)
    _callers[digest] = time.monotonic(), actor
    while len(_callers) > KNOWN:
        _callers.popitem(last=False)
    return actor


def _looked_up(authorization: str) -> Actor:
    scheme, _, credential = authorization.partition(" ")
    known = bearer(credential.strip()) if scheme.lower() == "bearer" else None
    if known is None:
        raise Refused(401, "A service credential is needed.")
    user, claims = known
    actor = Actor(str(user.pk), user, claims.via, claims.scopes)
    if not policy.can(actor, VERB):
        raise Refused(403, "This credential may not read snapshots.")
    return actor


def forget() -> None:
    """Believe no credential and remember nothing, for tests that empty the database."""
    _callers.clear()
    points._heard.clear()
    mirror().forget()
