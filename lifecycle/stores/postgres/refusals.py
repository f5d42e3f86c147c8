"""Attempts that a hold has refused in a region's store: those the platform noted, and how many there were in all."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from lifecycle.stores.postgres.connection import connection, translated
from portal.lib.regions import Region

MOST = 5000
NOTED = """
SELECT id, tenant_id, verb, actor, hold_version, times, at, last_at FROM bw.refused_attempt
WHERE last_at >= %s ORDER BY last_at LIMIT %s
"""
COUNTED = """
SELECT CASE WHEN c.is_called THEN c.last_value ELSE 0 END, CASE WHEN n.is_called THEN n.last_value ELSE 0 END
FROM bw.refusals c, bw.refusals_noted n
"""


@dataclass(frozen=True)
class Noted:
    """One attempt as the platform noted it."""

    ref: int
    tenant_id: UUID
    verb: str
    actor: str
    version: int
    times: int
    at: datetime
    last_at: datetime


def noted(region: Region, since: datetime) -> list[Noted]:
    """Return what was noted, or counted once more, since then: the oldest first, MOST of them."""
    with translated("read bw.refused_attempt"), connection(region) as db:
        return [Noted(*row) for row in db.execute(NOTED, (since, MOST)).fetchall()]


def counted(region: Region) -> tuple[int, int]:
    """Return how many refusals the store has ever counted, and how many of them are noted."""
    with translated("read bw.refusals"), connection(region) as db:
        row = db.execute(COUNTED).fetchone()
    assert row is not None
    return int(row[0]), int(row[1])
