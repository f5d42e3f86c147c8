"""What a store owes before and after rows are deleted: statistics that know them, and then nothing of them."""

import time
from collections.abc import Callable
from contextlib import suppress

from psycopg import errors, sql

from lifecycle.stores.errors import Permanent, Transient
from lifecycle.stores.postgres.connection import SYSTEM, connection, lengthy, translated
from portal.lib.regions import Region

ANALYZE, VACUUM = (sql.SQL(f"{verb} {{}}") for verb in ("ANALYZE", "VACUUM (ANALYZE, TRUNCATE FALSE)"))
PAUSE, PATIENCE = 0.2, 60.0  # seconds


def analyze(region: Region, relations: list[str], after_each: Callable[[], None]) -> None:
    """Let the planner know how much there is: one that expects a single row reads all of them for each key."""
    _maintain(region, ANALYZE, relations, after_each)


def vacuum(region: Region, relations: list[str]) -> None:
    """Clear the relations' dead rows, and take their values out of the statistics."""
    if relations:
        _maintain(region, VACUUM, relations, lambda: None)


def _maintain(region: Region, statement: sql.SQL, relations: list[str], after_each: Callable[[], None]) -> None:
    """As the tables' owner. It stops nobody's reads and writes, and waits for others who do the same.

    PostgreSQL skips with a warning what it may not or cannot maintain: Permanent.
    """
    warned: list[str] = []

    def note(said: errors.Diagnostic) -> None:  # which says nothing any more once this returns
        if said.severity_nonlocalized == "WARNING":
            warned.append(str(said.message_primary))

    with translated("maintain"), lengthy(region, "provisioner") as db:
        db.add_notice_handler(note)
        for relation in relations:
            with suppress(errors.UndefinedTable):  # an earlier attempt has taken the partition down
                db.execute(statement.format(sql.Identifier("rag", relation)))
            if warned:
                raise Permanent(SYSTEM, "maintain", f"rag.{relation}: {'; '.join(warned)}")
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
