"""What must survive the loss of the primary is confirmed by the standby before anybody hears of it.

With BAILIWICK_DATABASE_STANDBY, PostgreSQL's `synchronous_standby_names` says whose confirmation a commit waits for.
A primary that was replaced, or lost its standby, waits for ever: it acknowledges no change and proves nothing. An empty
list is the operator's word, or that of the cluster's manager, that nobody else can have been promoted.
"""

from collections.abc import Callable
from functools import partial
from weakref import WeakKeyDictionary

import psycopg
from django.conf import settings
from django.db import DatabaseError, OperationalError, connection, transaction

REQUIRE = "SELECT set_config('synchronous_commit', 'remote_apply', true)"
WAIVE = "SELECT set_config('synchronous_commit', 'local', true)"
# A commit without a record has nothing to confirm. This record changes no row, so nobody waits for a lock.
RECORD = f"{REQUIRE}, pg_logical_emit_message(true, 'bailiwick.proof', '')"
ALONE = "SELECT current_setting('synchronous_standby_names') = ''"
_warnings: "WeakKeyDictionary[psycopg.Connection, list[str]]" = WeakKeyDictionary()


def require() -> None:
    """This transaction commits once the standby shows it, or does not return; OperationalError if nobody can tell."""
    if settings.STANDBY:
        _execute(REQUIRE)
        transaction.on_commit(_unless_cancelled())


def waive() -> None:
    """What this transaction writes may be lost with the primary, and must not wait for the standby."""
    if settings.STANDBY:
        _execute(WAIVE)


def prove() -> None:
    """Return when a commit begun after this call is confirmed; raise OperationalError if it is not.

    Then this server was the primary after the call began, for nobody confirms to another one what has been promoted
    itself; and whatever was read here before the call is on the standby, too.
    """
    if not settings.STANDBY:
        return
    try:
        with transaction.atomic():
            _execute(RECORD)
            transaction.on_commit(_unless_cancelled())
    except DatabaseError as error:
        raise OperationalError("this server cannot prove that it is the primary") from error


def is_alone() -> bool:
    """True while this server's commits wait for nobody."""
    with connection.cursor() as cursor:
        cursor.execute(ALONE)
        return bool(cursor.fetchone()[0])


def _execute(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


def _unless_cancelled() -> Callable[[], None]:
    """After the commit: raise if its wait was cancelled, of which PostgreSQL only warns."""
    raw: psycopg.Connection = connection.connection
    if raw not in _warnings:
        _warnings[raw] = said = []
        raw.add_notice_handler(lambda notice: said.append(notice.severity_nonlocalized or ""))
    _warnings[raw].clear()
    return partial(_check, _warnings[raw])


def _check(said: list[str]) -> None:
    if "WARNING" in said:
        raise OperationalError("the standby did not confirm this commit")
