"""The shipped data in a test's database: installed once by the product's own code, then by what that code wrote.

Installing is 800 statements that Django composes, a third of a second, for some 1,800 tests. What was written the first
time is written again as it is, where a test begins as the first one did: with the same settings, in an empty database,
and in the present.
"""

from typing import Any

import time_machine
from django.conf import settings
from django.db import connection
from django.utils.module_loading import import_string

from portal.access import accounts

READS = ('SELECT "', "SELECT 1 AS", "SELECT COUNT", "SELECT EXISTS", "SAVEPOINT", "RELEASE SAVEPOINT")
FILLED = ("access_user", "tenants_tier", "jobs_outboxevent", "ledger.entry")
IS_EMPTY = f"SELECT NOT EXISTS ({' UNION ALL '.join(f'SELECT FROM {table}' for table in FILLED)})"
SEQUENCES = "SELECT format('%I.%I', schemaname, sequencename), start_value, last_value FROM pg_sequences"
REWIND = "SELECT setval(%s::regclass, coalesce(%s::bigint, %s::bigint), %s::bigint IS NOT NULL)"
_written: dict[str, list[tuple[str, Any]]] = {}


def ship() -> None:
    """The data every installation starts with, and the demo people."""
    if time_machine.escape_hatch.is_travelling() or not _read(IS_EMPTY)[0][0]:
        _install()
    elif (given := _given()) in _written:
        with connection.cursor() as cursor, connection.connection.pipeline():
            for statement, values in _written[given]:
                cursor.cursor.execute(statement, values)
    else:
        written: list[tuple[str, Any]] = []
        before = set(_read(SEQUENCES))
        with connection.execute_wrapper(lambda *call: _noted(written, *call)):
            _install()
        used = before - set(_read(SEQUENCES))  # what is written names the numbers they gave
        _written[given] = [(REWIND, (name, last, start, last)) for name, start, last in used] + written


def _install() -> None:
    for dotted in (*settings.DEFAULTS, *settings.DEMO_DEFAULTS):
        import_string(dotted)(accounts.SEED)
    accounts.ensure_demo_people()


def _given() -> str:
    """What the shipped data depends on: settings.py says which regions, buckets and directories there are."""
    said = ("DEFAULTS", "DEMO_DEFAULTS", "REGIONS_FILE", "CERTIFICATES", "LEDGER", "STATES", "PASSWORD_HASHERS")
    return repr([getattr(settings, name) for name in said]) + settings.REGIONS_FILE.read_text()


def _read(question: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(question)
        return cursor.fetchall()


def _noted(written: list[tuple[str, Any]], execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
    if not sql.startswith(READS):
        written.append((sql, params))
    return execute(sql, params, many, context)
