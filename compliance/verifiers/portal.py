"""The portal's own database and cache: whether anything in them names whom an erasure concerns.

Catalogue-driven: every table there is, history, ledger, job logs and outbox among them, and every key of the cache.
The one row that may lead to a person while a request is open is named apart: it goes when the request is completed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg
import redis
from psycopg import IsolationLevel, sql
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from portal.lib.databases import parameters
from portal.lib.regions import Region

from . import cache
from .answering import NotChecked, Seen, answer, ids_in, names_any
from .database import LIMITS, opened
from .looking import Answer
from .manifest import was_listed

OPEN = "public.erasing_subjectkey"
REQUESTS = sql.Identifier("public", "erasing_erasurerequest")
MOST = 50  # ids that are sought; of a larger subject so many at random
TABLES = """
SELECT n.nspname::text, c.relname::text, has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT')
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'm') AND NOT c.relispartition
  AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\\_%'
ORDER BY 1, 2
"""
NAMING = """
SELECT count(*) FROM {} AS whole_row WHERE EXISTS (
    SELECT FROM unnest(%(digits)s::text[]) AS sought WHERE strpos(replace(lower(whole_row::text), '-', ''), sought) > 0)
"""
LISTED = """
SELECT id FROM bw.erasure_item WHERE request_id = %s AND table_name = 'users' ORDER BY md5(id) LIMIT %s
"""
QUERY = "every row of every table as text, and every key of the cache with all it holds, for each id that is sought"


@dataclass(frozen=True)
class Place:
    """Where the portal keeps what it knows, with logins that can only read. One that is empty is not given."""

    database: str
    cache: str


class Portal:
    """Counts rows and keys that name one of the ids sought."""

    name = "portal"

    def look(self, place: Place, request_id: UUID, sought: Sequence[UUID]) -> Answer:
        """Look now. Whether the query sees at all, the request's own row shows, which must be found by the same one."""
        return answer(self.name, "verifier", QUERY, lambda: _look(place, request_id, sought))


def _look(place: Place, request_id: UUID, sought: Sequence[UUID]) -> Seen:
    if not place.database or not place.cache:
        raise NotChecked("No read-only credentials for the portal's own database and cache are configured.")
    digits, seen = [one.hex for one in sought[:MOST]], Seen()
    try:
        with psycopg.connect(**{**parameters(place.database), "options": LIMITS}) as db:
            db.isolation_level, db.read_only = IsolationLevel.REPEATABLE_READ, True
            if _naming(db, REQUESTS, [request_id.hex]) != 1:
                raise NotChecked("The query does not find the request's own row, so its zero would prove nothing.")
            for schema, table, may_read in db.execute(TABLES).fetchall():
                name = f"{schema}.{table}"
                if not may_read:
                    raise NotChecked(f"{name} may not be read by the verifier.")
                if name != OPEN:
                    seen.by[name] = _naming(db, sql.Identifier(schema, table), digits)
    except psycopg.Error as error:
        raise NotChecked(f"The portal's database did not answer ({type(error).__name__}).") from error
    seen.by["cache"] = _in_cache(place.cache, frozenset(digits))
    return seen


def _naming(db: psycopg.Connection[Any], table: sql.Identifier, digits: list[str]) -> int:
    row = db.execute(sql.SQL(NAMING).format(table), {"digits": digits}).fetchone()
    assert row is not None
    return int(row[0])


def _in_cache(url: str, digits: frozenset[str]) -> int:
    options: dict[str, Any] = {"socket_timeout": 20.0, "socket_connect_timeout": 3.0, "retry": Retry(NoBackoff(), 0)}
    options |= {"lib_name": None, "lib_version": None}  # such a user may not tell the server what it is
    try:
        with redis.Redis.from_url(url, decode_responses=True, encoding_errors="surrogateescape", **options) as found:
            return sum(_names(found, key, digits) for key in set(cache.keys(found)))
    except RedisError as error:
        raise NotChecked(f"The portal's cache did not answer ({type(error).__name__}).") from error


def _names(found: Any, key: str, digits: frozenset[str]) -> bool:
    return names_any(key, digits) or any(names_any(text, digits) for _part, text in cache.content(found, key))


def listed(region: Region, request_id: UUID) -> list[UUID]:
    """People that were to go of a whole tenant: their ids are what the portal may not hold."""
    with opened(region) as db:
        if not was_listed(db, request_id):
            return []
        rows = db.execute(LISTED, [request_id, MOST]).fetchall()
        return [UUID(hex=one) for (text,) in rows for one in ids_in(text)]
