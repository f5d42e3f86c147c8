"""Write the ledger out for `bailiwick-verify`: what the database says, what the store says, what the witness says.

policy.json  checkpoint  entries/  leaves/  retired.json  anchors/checkpoints/  anchors/entries/  witness/
"""

import json
from collections.abc import Iterable
from pathlib import Path

import psycopg

from .settings import keys
from .store import Store

AT_ONCE = 65_536
LEAVES = """
SELECT l.index, l.hash, e.body FROM audit.leaf l LEFT JOIN audit.entry e ON e.id = l.entry_id
WHERE l.index >= %s AND l.index < %s ORDER BY l.index
"""
RETIRED = "SELECT first, last FROM audit.retired ORDER BY first"
NEWEST = "SELECT note FROM audit.checkpoint ORDER BY size DESC LIMIT 1"


def export(db: psycopg.Connection, store: Store, witness: Path, to: Path) -> int:
    """Write everything below the directory `to`, which must be new or empty; returns the number of leaves.

    The witness and the store speak first, the store in the oldest version of each object, then one snapshot of the
    database: what is sealed meanwhile is then more than they know, and never less.
    """
    seen = [path for path in sorted(witness.glob("[0-9]*")) if path.name.isdigit()] if witness.is_dir() else []
    _files(to / "witness", ((path.name, path.read_bytes()) for path in seen))
    _store(store, to / "anchors")
    (to / "policy.json").write_bytes(keys().policy.encode())
    with db.transaction():
        db.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        return _database(db, to)


def _database(db: psycopg.Connection, to: Path) -> int:
    first = 0
    for name in ("entries", "leaves"):
        (to / name).mkdir(parents=True)
    while rows := db.execute(LEAVES, [first, first + AT_ONCE]).fetchall():
        lines = b"".join((body.encode() if body is not None else b"-") + b"\n" for _, _, body in rows)
        (to / "entries" / f"{first:012d}.jsonl").write_bytes(lines)
        (to / "leaves" / f"{first:012d}.bin").write_bytes(b"".join(bytes(hash_) for _, hash_, _ in rows))
        first += len(rows)
        if len(rows) < AT_ONCE:
            break
    (to / "retired.json").write_text(json.dumps([list(row) for row in db.execute(RETIRED)]))
    newest = db.execute(NEWEST).fetchone()
    if newest:
        (to / "checkpoint").write_text(newest[0])
    return first


def _store(store: Store, to: Path) -> None:
    for prefix in ("checkpoints", "entries"):
        keys_ = store.keys(f"{prefix}/")
        _files(to / prefix, ((key.rpartition("/")[2], store.oldest(key)[0]) for key in keys_))


def _files(to: Path, files: Iterable[tuple[str, bytes]]) -> None:
    to.mkdir(parents=True)
    for name, data in files:
        (to / name).write_bytes(data)
