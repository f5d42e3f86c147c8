"""What a store owes after rows were deleted: dead rows cleared, statistics without them, standbys that have heard."""

import time
from collections.abc import Callable

from psycopg import sql

from lifecycle.stores.errors import Transient
from lifecycle.stores.postgres.connection import SYSTEM, connection, lengthy, translated
from portal.lib.regions import Region

VACUUM = sql.SQL("VACUUM (ANALYZE, TRUNCATE FALSE) {}")
PAUSE, PATIENCE = 0.2, 60.0  # seconds


def vacuum(region: Region, relations: list[str], after_each: Callable[[], None]) -> None:
    """Clear the relations' dead rows, and take their values out of the statistics, as the tables' owner.

    It stops nobody's reads and writes, and waits for others who vacuum.
    """
    with translated("vacuum"), lengthy(region, "provisioner") as db:
        for relation in relations:
            db.execute(VACUUM.format(sql.Identifier("rag", relation)))
            after_each()


def replayed(region: Region) -> None:
    """Return once every standby has replayed what is committed now; Transient when one does not in time."""
    with translated("settle"), connection(region, "eraser") as db:
        lsn = (db.execute("SELECT pg_current_wal_lsn()").fetchone() or (None,))[0]
        deadline = time.monotonic() + PATIENCE
        while (db.execute("SELECT bw.standbys_behind(%s)", (lsn,)).fetchone() or (0,))[0]:
            if time.monotonic() > deadline:
                raise Transient(SYSTEM, "settle", f"a standby has not replayed {lsn} within {PATIENCE:g} s")
            time.sleep(PAUSE)
