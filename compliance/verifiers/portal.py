"""The portal's own database and cache: whether anything in them names whom an erasure concerns.

Catalogue-driven: every table there is, history, ledger, job logs and outbox among them, and every key of the cache.
The one row that may lead to a person while a request is open is named apart: it goes when the request is completed.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
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
from .answering import NotChecked, Seen, answers, ids_in
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
SELECT count(*) FROM {} AS whole_row WHERE replace(lower(whole_row::text), '-', '') ~ %(digits)s
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
        return self.look_together(place, {request_id: sought})[request_id]

    def look_together(self, place: Place, sought: Mapping[UUID, Sequence[UUID]]) -> dict[UUID, Answer]:
        """Look once for several requests: what names none of those whom they seek names no single one."""
        digits = [[one.hex for one in ids[:MOST]] for ids in sought.values()]
        said = answers(self.name, "verifier", QUERY, len(sought), lambda: _look(place, list(sought), digits))
        return dict(zip(sought, said, strict=True))


def _look(place: Place, requests: list[UUID], sought: list[list[str]]) -> list[Seen]:
    if not place.database or not place.cache:
        raise NotChecked("No read-only credentials for the portal's own database and cache are configured.")
    seen, everybody = [Seen() for _ in requests], [one for digits in sought for one in digits]
    try:
        with psycopg.connect(**{**parameters(place.database), "options": LIMITS}) as db:
            db.isolation_level, db.read_only = IsolationLevel.REPEATABLE_READ, True
            if _naming(db, REQUESTS, [one.hex for one in requests]) != len(requests):
                raise NotChecked("The query does not find the request's own row, so its zero would prove nothing.")
            for schema, table, may_read in db.execute(TABLES).fetchall():
                name, whole = f"{schema}.{table}", sql.Identifier(schema, table)
                if not may_read:
                    raise NotChecked(f"{name} may not be read by the verifier.")
                if name != OPEN and _naming(db, whole, everybody):
                    for one, digits in zip(seen, sought, strict=True):
                        one.by[name] = _naming(db, whole, digits)
    except psycopg.Error as error:
        raise NotChecked(f"The portal's database did not answer ({type(error).__name__}).") from error
    for number, many in _in_cache(place.cache, sought).items():
        seen[number].by["cache"] = many
    return seen


def _naming(db: psycopg.Connection[Any], table: sql.Identifier, digits: list[str]) -> int:
    if not digits:
        return 0
    row = db.execute(sql.SQL(NAMING).format(table), {"digits": "|".join(digits)}).fetchone()
    assert row is not None
    return int(row[0])


def _in_cache(url: str, sought: list[list[str]]) -> Counter[int]:
    """How many keys name each, by its number."""
    options: dict[str, Any] = {"socket_timeout": 20.0, "socket_connect_timeout": 3.0, "retry": Retry(NoBackoff(), 0)}
    options |= {"lib_name": None, "lib_version": None}  # such a user may not tell the server what it is
    whose: dict[str, set[int]] = {}
    for number, digits in enumerate(sought):
        for one in digits:
            whose.setdefault(one, set()).add(number)
    try:
        with redis.Redis.from_url(url, decode_responses=True, encoding_errors="surrogateescape", **options) as found:
            named: Counter[int] = Counter()
            for key in set(cache.keys(found)):
                named.update(_named(found, key, whose))
            return named
    except RedisError as error:
        raise NotChecked(f"The portal's cache did not answer ({type(error).__name__}).") from error


def _named(found: Any, key: str, whose: Mapping[str, set[int]]) -> set[int]:
    texts = [key, *(text for _part, text in cache.content(found, key))]
    return set().union(*(whose.get(one, set()) for text in texts for one in ids_in(text)))


def listed(region: Region, request_id: UUID) -> list[UUID]:
    """People that were to go of a whole tenant: their ids are what the portal may not hold."""
    with opened(region) as db:
        if not was_listed(db, request_id):
            return []
        rows = db.execute(LISTED, [request_id, MOST]).fetchall()
        return [UUID(hex=one) for (text,) in rows for one in ids_in(text)]
