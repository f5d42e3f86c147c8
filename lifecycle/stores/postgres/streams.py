"""What a region's server says of streams of changes: whether it tells one, and what it retains for their readers."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from lifecycle.stores.postgres.connection import connection, translated
from portal.lib.regions import Region

LOOK = """
SELECT current_setting('server_version_num')::int, current_setting('wal_level'),
       current_setting('max_replication_slots')::int - (SELECT count(*) FROM pg_replication_slots),
       current_setting('max_slot_wal_keep_size'),
       (SELECT rolreplication OR rolsuper FROM pg_roles WHERE rolname = current_user)
           OR coalesce((SELECT pg_has_role(r.oid, 'USAGE') FROM pg_roles r WHERE r.rolname = 'rds_replication'), false)
"""
RETAINED = """
SELECT slot_name::text, wal_status, pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)::bigint
FROM pg_replication_slots WHERE database = current_database() AND slot_name LIKE 'bw\\_%'
"""


@dataclass(frozen=True)
class Slot:
    """`retained` is how many bytes of the log the server keeps for it: None once the slot is lost."""

    name: str
    status: str | None
    retained: int | None


@dataclass(frozen=True)
class Streams:
    """`faults` are what is in the way and what would be right; `keeps` the most that is retained for a reader."""

    faults: tuple[tuple[str, str], ...]
    keeps: str


def look(region: Region) -> Streams:
    """What stands in the way of the mover's reading a stream of changes there."""
    with translated("look at the streams"), connection(region, "mover") as db:
        row = db.execute(LOOK).fetchone()
    assert row is not None
    return Streams(tuple(_faults(*row)), row[3])


def slots(region: Region) -> list[Slot]:
    """Every slot of this product in the region's database."""
    with translated("read the slots"), connection(region, "mover") as db:
        return [Slot(*row) for row in db.execute(RETAINED).fetchall()]


def _faults(version: int, level: str, free: int, keeps: str, may: bool) -> Iterator[tuple[str, Any]]:
    if version < 150_000:
        yield "its server is older than PostgreSQL 15, and its streams know no tenants", "Upgrade it."
    if level != "logical":
        said = "Set it to logical (rds.logical_replication = 1 on RDS) and restart the server."
        yield f"wal_level is {level}", said
    if free < 1:
        yield "every replication slot is taken", "Raise max_replication_slots, or remove slots that nobody reads."
    if keeps == "-1":
        yield "a reader that stalls would fill the disk: nothing bounds its log", "Set max_slot_wal_keep_size."
    if not may:
        yield "bw_mover may not read streams", "ALTER ROLE bw_mover REPLICATION, or grant it rds_replication."
