"""What the sealer looks into on schedule: the leaves, the copies, the tables, and who holds the horizon up."""

from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from .anchor import checkpoint_key, entries_key, lines
from .replay import replay
from .store import Store

NOTE = "INSERT INTO ledger.finding (kind, ok, checked, details) VALUES (%s, %s, %s, %s)"
LAST = "SELECT ok, details FROM ledger.finding WHERE kind = %s ORDER BY id DESC LIMIT 1"
SHOWN = 100
EDITED = """
SELECT l.index, l.entry_id FROM ledger.leaf l JOIN ledger.entry e ON e.id = l.entry_id
WHERE l.hash <> sha256('\\x00' || convert_to(e.body, 'UTF8')) ORDER BY 1 LIMIT 101
"""
REMOVED = """
SELECT l.index, l.entry_id FROM ledger.leaf l
WHERE NOT EXISTS (SELECT FROM ledger.entry e WHERE e.id = l.entry_id)
      AND NOT EXISTS (SELECT FROM ledger.retired r WHERE l.index BETWEEN r.first AND r.last) ORDER BY 1 LIMIT 101
"""
INSERTED = """
SELECT NULL, e.id FROM ledger.entry e, ledger.horizon h
WHERE e.xid < h.below AND NOT EXISTS (SELECT FROM ledger.leaf l WHERE l.entry_id = e.id) ORDER BY 2 LIMIT 101
"""
MISFILED = """
SELECT NULL, id FROM ledger.entry
WHERE (object_type, object_id, actor, op, verb, request, id::text, xid::text) IS DISTINCT FROM
      (body::jsonb ->> 'object', body::jsonb ->> 'pk', body::jsonb ->> 'actor', body::jsonb ->> 'op',
       body::jsonb ->> 'verb', body::jsonb ->> 'request', body::jsonb ->> 'id', body::jsonb ->> 'xid')
ORDER BY 2 LIMIT 101
"""
WRONG = {"edited": EDITED, "removed": REMOVED, "inserted": INSERTED, "misfiled": MISFILED}
CHECKPOINTS = """
SELECT size, first, note FROM (
    SELECT size, lag(size, 1, 0::bigint) OVER (ORDER BY size) AS first, note FROM ledger.checkpoint
) AS c WHERE size > %s AND EXISTS (SELECT FROM ledger.anchor a WHERE a.size = c.size) ORDER BY size LIMIT %s
"""
HOLDER = """
SELECT pid, usename, state, extract(epoch FROM now() - xact_start)::float FROM pg_stat_activity
WHERE backend_xid IS NOT NULL AND pid <> pg_backend_pid() ORDER BY xact_start LIMIT 1
"""


def note(db: psycopg.Connection, kind: str, ok: bool, checked: int, details: dict[str, Any]) -> None:
    """Keep what was found; the portal tells people and draws it."""
    db.execute(NOTE, [kind, ok, checked, Jsonb(details)])


def note_change(db: psycopg.Connection, kind: str, ok: bool, details: dict[str, Any]) -> None:
    """Keep it only if it is not what was found last time: a state, not a stream."""
    last = db.execute(LAST, [kind]).fetchone()
    if (last is None and not ok) or (last is not None and last[0] != ok):
        note(db, kind, ok, 0, details)


def check_leaves(db: psycopg.Connection) -> bool:
    """Hash every stored entry again: was one edited, removed, or slipped in behind the horizon?"""
    found = {name: db.execute(query).fetchall() for name, query in WRONG.items()}
    wrong = {name: [{"leaf": leaf, "entry": entry} for leaf, entry in rows] for name, rows in found.items() if rows}
    row = db.execute("SELECT count(*) FROM ledger.leaf").fetchone()
    assert row is not None
    note(db, "leaves", not wrong, row[0], wrong)
    return not wrong


def check_tables(db: psycopg.Connection) -> bool:
    """Replay the ledger against the governed tables."""
    folded, differences = replay(db)
    note(db, "replay", not differences, folded, {"differences": [one.plain() for one in differences[:SHOWN]]})
    return not differences


def check_copies(db: psycopg.Connection, store: Store, at_once: int = 500) -> bool:
    """Compare the next anchored checkpoints and their entries with what the store holds, going round for ever."""
    last = db.execute(LAST, ["copies"]).fetchone()
    since = int(last[1].get("until", 0)) if last else 0
    rows = db.execute(CHECKPOINTS, [since, at_once]).fetchall()
    if not rows and since:
        rows = db.execute(CHECKPOINTS, [0, at_once]).fetchall()
    wrong = [fault for size, first, text in rows if (fault := _compare(db, store, first, size, text))]
    note(db, "copies", not wrong, len(rows), {"until": rows[-1][0] if rows else 0, "wrong": wrong[:SHOWN]})
    return not wrong


def _compare(db: psycopg.Connection, store: Store, first: int, size: int, text: str) -> dict[str, Any] | None:
    for key, ours in ((checkpoint_key(size), text.encode()), (entries_key(first, size), lines(db, first, size))):
        try:
            theirs = store.oldest(key)[0]
        except KeyError:
            return {"key": key, "first": first, "last": size - 1, "fault": "not in the store"}
        if theirs != ours:
            return {"key": key, "first": first, "last": size - 1, "fault": "the store holds something else"}
    return None


def check_horizon(db: psycopg.Connection, seal_lag: float, limit: float) -> None:
    """Name the transaction that keeps entries from being sealed, once the oldest has waited for `limit` seconds."""
    holder = db.execute(HOLDER).fetchone() if seal_lag > limit else None
    who = dict(zip(("pid", "role", "state", "seconds"), holder, strict=True)) if holder else {}
    note_change(db, "lag", seal_lag <= limit, {"seconds": round(seal_lag, 1), "holder": who})
