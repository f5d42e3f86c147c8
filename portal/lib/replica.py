"""Lists from a read replica, for whoever would see there everything they have seen and done here.

Each answer of the primary leaves a mark in a cookie: how far the primary's log had come. A list is read from the
replica once that has replayed as much, else from the primary; so it is for those who keep no cookies. A mark lasts half
a minute, so a replica that hangs behind is not believed for longer. Who may see what is always read from the primary.
"""

import re
import time
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

import structlog
from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection, connections
from django.http import HttpRequest, HttpResponse

log = structlog.get_logger(__name__)
ALIAS = "replica"
PRIMARY_ONLY = frozenset({"access", "sessions", "contenttypes"})
LISTS = ("-list", "_changelist")
MARK = re.compile(r"([0-9A-F]{1,8})-([0-9A-F]{1,8})")  # a cookie has no slash
KEPT, SHUNNED = 30, 5.0  # seconds
REACHED = "SELECT pg_is_in_recovery() AND pg_last_wal_replay_lsn() >= %s::pg_lsn"
_reads_there: ContextVar[bool] = ContextVar("reads_there", default=False)
_shunned_until = [0.0]


class Router:
    """Sends the reads of a list to the replica; whoever is in a transaction stays where they write."""

    def db_for_read(self, model: Any, **_: Any) -> str | None:
        elsewhere = _reads_there.get() and model._meta.app_label not in PRIMARY_ONLY and not connection.in_atomic_block
        return ALIAS if elsewhere else "default"

    def db_for_write(self, model: Any, **_: Any) -> str:
        return "default"

    def allow_relation(self, *_: Any, **__: Any) -> bool:
        return True

    def allow_migrate(self, db: str, *_: Any, **__: Any) -> bool:
        return db == "default"


class ReadYourWrites:
    """Decides for each request where it reads, and leaves the mark of what was read or written on the primary."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response
        self.cookie = "__Host-written" if settings.SECURE else "written"

    def __call__(self, request: HttpRequest) -> HttpResponse:
        before, asked = _reads_there.set(False), _Asked()
        try:
            with connection.execute_wrapper(asked):
                response = self.get_response(request)
            if _reads_there.get() and response.status_code == 503:
                _shun("it could not finish a list")
            elif asked.the_primary and not _reads_there.get():
                self._leave_mark(response)
            return response
        finally:
            _reads_there.reset(before)

    def process_view(self, request: HttpRequest, *_: Any) -> None:
        is_list = request.resolver_match and (request.resolver_match.url_name or "").endswith(LISTS)
        if request.method in ("GET", "HEAD") and is_list:
            _reads_there.set(_has_reached(request.COOKIES.get(self.cookie, "")))

    def _leave_mark(self, response: HttpResponse) -> None:
        try:
            mark = _value(connection.alias, "SELECT translate(pg_current_wal_insert_lsn()::text, '/', '-')")
        except (DatabaseError, InterfaceError):
            response.delete_cookie(self.cookie)
            return
        response.set_cookie(self.cookie, mark, max_age=KEPT, secure=settings.SECURE, httponly=True, samesite="Lax")


class _Asked:
    """Whether an answer rests on the primary at all: a probe of liveness must not ask it for a mark."""

    the_primary = False

    def __call__(self, execute: Callable[..., Any], *query: Any) -> Any:
        self.the_primary = True
        return execute(*query)


def _has_reached(mark: str) -> bool:
    found = MARK.fullmatch(mark)
    if found is None or time.monotonic() < _shunned_until[0]:
        return False
    try:
        return bool(_value(ALIAS, REACHED, "/".join(found.groups())))
    except (DatabaseError, InterfaceError) as error:
        _shun(type(error).__name__)
        return False


def _value(alias: str, query: str, *values: str) -> Any:
    with connections[alias].cursor() as cursor:
        cursor.execute(query, values or None)
        return cursor.fetchone()[0]


def _shun(why: str) -> None:
    _shunned_until[0] = time.monotonic() + SHUNNED
    log.warning("replica.shunned", why=why, seconds=SHUNNED)
