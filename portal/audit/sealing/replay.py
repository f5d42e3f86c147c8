"""Fold the ledger and compare: the governed tables as the entries tell them, against the tables as they are.

The only detector of a change that was made with the triggers off.
"""

from dataclasses import dataclass
from typing import Any

import psycopg

SHOWN = 100
TABLES = "SELECT relation, label, key, skip, secret, personal, subject FROM ledger.governed ORDER BY relation"
# The last insertion of each row and what was changed since, folded; a row whose last entry is a removal is not there.
COMPARE = """
WITH begun AS (
    SELECT object_id, max(id) FILTER (WHERE op IN ('I', 'D')) AS id,
           (array_agg(op ORDER BY id DESC) FILTER (WHERE op IN ('I', 'D')))[1] AS op, max(id) AS last
    FROM ledger.entry WHERE object_type = %(label)s AND op <> 'A' GROUP BY object_id
), told AS (
    SELECT b.object_id, b.last, (
        SELECT jsonb_object_agg(kv.key, kv.value ORDER BY e.id)
        FROM ledger.entry e, jsonb_each(e.body::jsonb -> 'new') AS kv
        WHERE e.object_type = %(label)s AND e.object_id = b.object_id AND e.id >= b.id AND e.op IN ('I', 'U')
    ) AS image FROM begun b WHERE b.op = 'I'
), real AS (
    SELECT to_jsonb(t) ->> %(key)s AS object_id,
           ledger.image(to_jsonb(t), %(skip)s, %(secret)s, %(personal)s, s.salt) AS image,
           s.destroyed_at IS NOT NULL AS destroyed
    FROM {table} t LEFT JOIN ledger.subject s ON s.id = to_jsonb(t) ->> %(subject)s
)
SELECT coalesce(t.object_id, r.object_id), t.last, t.image, r.image, count(*) OVER () FROM told t
FULL JOIN real r USING (object_id)
WHERE t.image - CASE WHEN r.destroyed THEN %(personal)s ELSE '{{}}' END IS DISTINCT FROM r.image
"""


@dataclass(frozen=True)
class Difference:
    """One row that the ledger does not explain; `columns` are those that differ, none for a row too many or missing."""

    table: str
    object_id: str
    last_entry: int | None
    columns: tuple[str, ...]
    kind: str

    def plain(self) -> dict[str, Any]:
        return {
            "table": self.table,
            "object": self.object_id,
            "last_entry": self.last_entry,
            "columns": list(self.columns),
            "kind": self.kind,
        }


def replay(db: psycopg.Connection) -> tuple[int, list[Difference]]:
    """Compare every governed table in one snapshot; return how many entries were folded, and what differs."""
    found: list[Difference] = []
    with db.transaction():
        db.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        db.execute("SET LOCAL timezone = 'UTC'")
        for relation, label, key, skip, secret, personal, subject in db.execute(TABLES).fetchall():
            values = {"label": label, "key": key, "skip": skip, "secret": secret, "personal": personal}
            rows = db.execute(COMPARE.format(table=relation), values | {"subject": subject}).fetchall()
            found += [_difference(relation, *row[:4]) for row in rows[:SHOWN]]
        row = db.execute("SELECT count(*) FROM ledger.entry WHERE op <> 'A'").fetchone()
    assert row is not None
    return int(row[0]), found


def _difference(table: str, object_id: str, last: int | None, told: Any, real: Any) -> Difference:
    if told is None:
        return Difference(table, object_id, last, (), "a row the ledger does not know")
    if real is None:
        return Difference(table, object_id, last, (), "a row that is gone without an entry")
    names = told.keys() | real.keys()
    wrong = tuple(sorted(name for name in names if told.get(name) != real.get(name)))
    return Difference(table, object_id, last, wrong, "a change without an entry")
