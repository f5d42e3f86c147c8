"""A plan's chunks hold every row once, rows are handed on in blocks, and what is complete outlives the server."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import errors, sql

from lifecycle.migration.engine import arm, copy, load
from portal.embedded.stack import Stack
from portal.lib.regions import load as regions
from tests.jobs.support import eventually

from .conftest import CONTROL, World, copied, settle_in

LEDGER = "SELECT number, planned, rows FROM bw.move_chunk WHERE move_id = %s ORDER BY number"
OUT = "COPY (SELECT n, repeat('x', n % 3000), 1 / (n - {}) FROM generate_series(1, {}) n) TO STDOUT (FORMAT BINARY)"
MADE = "CREATE TEMPORARY TABLE poured (n int, body text, one int)"


@pytest.mark.parametrize("rows", [1, 7, 30, 1000])
def test_chunks_hold_every_row_once(world: World, monkeypatch: pytest.MonkeyPatch, rows: int) -> None:
    """Keys of one, two and three columns; tables whose rows fill their last chunk, and others."""
    monkeypatch.setattr(copy, "ROWS", rows)
    world.fill(15)
    taken, _ = world.take(1)
    arm.arm(taken)
    planned = copy.plan(taken)
    done = copy.copy_some(taken, 60, workers=10)
    assert done.is_complete and done.rows_done == done.rows_total == planned.rows_total
    with psycopg.connect(**world.green.database.connect_kwargs("observer")) as db:
        found = db.execute(LEDGER, [world.move_id]).fetchall()
    assert all(0 < brought == expected <= rows for _, expected, brought in found)
    assert world.everything(world.green) == world.everything(world.blue)


@pytest.fixture
def ends(world: World) -> Iterator[tuple[psycopg.Connection[Any], psycopg.Connection[Any]]]:
    with (
        psycopg.connect(**world.blue.database.connect_kwargs("mover")) as source,
        psycopg.connect(**world.green.database.connect_kwargs("mover")) as target,
    ):
        target.execute(MADE)
        yield source, target


def pour(ends: Any, broken: int, rows: int) -> tuple[int, int]:
    written = sql.SQL("COPY poured FROM STDIN (FORMAT BINARY)").format()
    return load.pipe(*ends, sql.SQL(OUT).format(broken, rows), written)


@pytest.mark.parametrize("rows", [0, 1, 20_000])
def test_all_that_comes_is_handed_on(ends: Any, rows: int) -> None:
    number, size = pour(ends, 0, rows)
    (found,) = ends[1].execute("SELECT count(*) FROM poured WHERE length(body) = n % 3000").fetchone()
    assert number == found == rows and size > rows


def test_an_error_in_the_middle_says_what_it_was(ends: Any) -> None:
    with pytest.raises(errors.DivisionByZero):
        pour(ends, 9_000, 20_000)
    for one in ends:
        one.rollback()
        assert one.execute("SELECT 1").fetchone() == (1,)


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Stack]:
    with Stack(tmp_path / "home", only=("stores",)) as stack:
        yield stack


def test_a_complete_copy_is_on_disk_when_it_is_said(own: Stack) -> None:
    """Chunks do not wait for the disk. The server dies the moment after, and its log was in no hurry."""
    arguments = own.superuser_kwargs("control", "postgres")
    with psycopg.connect(**arguments, autocommit=True) as db:
        db.execute(CONTROL)
    world = settle_in(*list(regions(own.home.regions_file).values())[:2], arguments)
    world.fill(10)
    with psycopg.connect(**own.superuser_kwargs(world.green.name), autocommit=True) as db:
        db.execute("ALTER SYSTEM SET wal_writer_delay = '10s'")
        db.execute("SELECT pg_reload_conf()")
        taken, _ = world.take(1)
        copied(taken)
        (pid,) = db.execute("SELECT pg_backend_pid()").fetchone() or (0,)
        os.kill(_postmaster(pid), signal.SIGQUIT)
    eventually(lambda: _same(world), what="green has all of it again")


def _postmaster(backend: int) -> int:
    return int(Path(f"/proc/{backend}/stat").read_text().rpartition(")")[2].split()[1])


def _same(world: World) -> bool:
    try:
        return world.everything(world.green) == world.everything(world.blue)
    except psycopg.OperationalError:
        return False
