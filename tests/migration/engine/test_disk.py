"""Green's disk is full, for PostgreSQL itself: the mover says so and stops, blue notices nothing, room ends it."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from lifecycle.migration.engine import arm, copy, rounds
from lifecycle.stores.errors import Transient
from portal.embedded.stack import Stack

from .conftest import World, copied, drained
from .test_kills import open_stores, placed

MEGABYTES = 4


@pytest.fixture
def small_disk(stack: Stack, world: World) -> Iterator[Path]:
    """The tenant's own partition of green lies on a disk of its own, of a few megabytes."""
    disk = Path(stack.home.root) / f"disk-{uuid4().hex[:8]}"
    disk.mkdir()
    server = next(stack.home.pg.iterdir()).stat()
    options = f"size={MEGABYTES}m,mode=0700,uid={server.st_uid},gid={server.st_gid}"
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(disk)], check=True)
    name, partition = f"small_{disk.name[-8:]}", world.names[world.green.name].partition
    with psycopg.connect(**stack.superuser_kwargs(world.green.name), autocommit=True) as db:
        db.execute(f"CREATE TABLESPACE {name} LOCATION '{disk}'")
        db.execute(f"ALTER TABLE rag.{partition} SET TABLESPACE {name}")
        try:
            yield disk
        finally:
            db.execute(f"ALTER TABLE rag.{partition} SET TABLESPACE pg_default")
            db.execute("CHECKPOINT")
            db.execute(f"DROP TABLESPACE {name}")
            subprocess.run(["umount", "--lazy", str(disk)], check=True)


def test_a_full_disk_stops_the_mover_and_nobody_else(world: World, small_disk: Path) -> None:
    world.fill(300, chunks=20)  # six megabytes of vectors
    taken, _ = world.take(1)
    arm.arm(taken)
    copy.plan(taken)
    with pytest.raises(Transient, match="No space left on device"):
        while not copy.copy_some(taken).is_complete:
            pass
    world.fill(1)
    assert open_stores(world) == placed(world) == [(world.blue.name, 1)]
    with pytest.raises(Transient, match="No space left on device"):
        copy.copy_some(taken, 60)
    subprocess.run(["mount", "-o", "remount,size=64m", str(small_disk)], check=True)
    copied(taken)
    drained(taken)
    assert rounds.round(taken).keys == 0
    assert world.everything(world.green) == world.everything(world.blue)
