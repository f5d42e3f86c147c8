"""A second witness of what a side holds: S3 Inventory beside the listing that the comparison goes by.

A listing that left a key out on both sides would find them alike. What AWS has listed by another way says so, where it
is not older than the copy. It is made over hours: what is younger than a day need not be in it, and versions that were
replaced may have expired since.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from lifecycle.stores.objects import inventory
from lifecycle.stores.objects.inventory import Report, Row
from portal.lib.regions import Region

from . import bulk, compare
from .move import Move

SETTLED = timedelta(days=1)
SHOWN, AT_ONCE = 20, 1000
TABLE = "CREATE TABLE told (key TEXT, version TEXT, is_latest INT, size INT, etag TEXT, PRIMARY KEY (key, version))"
AGREES, DIFFERS, NONE, OLDER = "agrees", "differs", "none at hand", "older than the copy"


@dataclass(frozen=True)
class Second:
    """What came of it. `unlike` counts the keys that differ, `keys` are the first of them."""

    outcome: str
    at: datetime | None = None
    rows: int = 0
    unlike: int = 0
    keys: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        told: dict[str, Any] = {"outcome": self.outcome}
        if self.at:
            told |= {"at": self.at.isoformat(), "rows": self.rows, "unlike": self.unlike, "keys": list(self.keys)}
        return told


def look(move: Move, side: int, since: datetime, beat: Callable[[], None] = lambda: None) -> Second:
    """Compare the newest report of one side (0 the source, 1 the target) with what the store lists there now."""
    region, bucket = compare.sides(move)[side]
    if not bucket:
        return Second(NONE)
    report = inventory.newest(region, bucket)
    if report is None:
        return Second(NONE)
    if report.at < since:
        return Second(OLDER, report.at)
    with _kept(region, report, beat) as (told, rows):
        unlike = list(_unlike(told, move, side, report.at, beat))
    return Second(DIFFERS if unlike else AGREES, report.at, rows, len(unlike), tuple(unlike[:SHOWN]))


@contextmanager
def _kept(region: Region, report: Report, beat: Callable[[], None]) -> Iterator[tuple[sqlite3.Connection, int]]:
    """The report by key, on disk: its files are in no order, and it may be larger than memory."""
    with TemporaryDirectory() as folder, closing(sqlite3.connect(Path(folder) / "told")) as told:
        told.execute(TABLE)
        coming, count = inventory.rows(region, report), 0
        while some := list(islice(coming, AT_ONCE)):
            values = [(one.key, one.version, one.is_latest, one.size, one.etag) for one in some]
            told.executemany("INSERT OR REPLACE INTO told VALUES (?, ?, ?, ?, ?)", values)
            count += len(some)
            beat()
        yield told, count


def _unlike(told: sqlite3.Connection, move: Move, side: int, at: datetime, beat: Callable[[], None]) -> Iterator[str]:
    """The keys of which report and listing say what cannot both be true."""
    for number, (key, _, versions) in enumerate(compare.listed(move, side)):
        if number % AT_ONCE == 0:
            beat()
        found = told.execute("SELECT * FROM told WHERE key = ?", (key,)).fetchall()
        told.execute("DELETE FROM told WHERE key = ?", (key,))
        if _differs({row[1]: Row(row[0], row[1], bool(row[2]), row[3], row[4]) for row in found}, versions, at):
            yield key
    ours = bulk.transfer_of(move).listed  # DataSync's list, which has gone since
    for (key,) in told.execute("SELECT key FROM told WHERE is_latest AND key <> ? ORDER BY key", (ours,)):
        yield key


def _differs(told: dict[str, Row], versions: list[dict[str, Any]], at: datetime) -> bool:
    is_newer = any(one["LastModified"] > at for one in versions)
    for one in versions:
        row = told.pop(one["VersionId"], None)
        if row is None:
            if one["LastModified"] < at - SETTLED:
                return True
        elif row.size != one.get("Size") or (row.etag and row.etag != one.get("ETag", "").strip('"')):
            return True
    return not is_newer and any(row.is_latest for row in told.values())
