"""A clone holds what its original held at one snapshot, under its own tenant, and nobody else's rows change."""

import os
import signal
from dataclasses import replace
from typing import Any

import pytest
from psycopg import sql

from lifecycle.migration.engine import clone, verify
from lifecycle.migration.engine.move import Move
from lifecycle.migration.engine.snapshots import reader
from lifecycle.migration.engine.tables import Table
from lifecycle.stores.errors import Permanent
from lifecycle.stores.postgres import fences

from . import kills
from .conftest import World
from .writers import Crowd


@pytest.fixture
def twin(make: Any) -> World:
    """Another tenant of the same region, whose fence is closed for the while."""
    made: World = make()
    with made.writer(made.blue) as db:
        db.execute(
            "INSERT INTO rag.users (tenant_id, id, email) VALUES (%s, gen_random_uuid(), 'left@over')", [made.id]
        )
    fences.set_state(made.blue, made.id, "closed")
    return made


def there(twin: World, job_epoch: int = 1) -> Move:
    return replace(twin.take(job_epoch)[0], target=twin.blue)


def mapped(world: World, twin: World) -> dict[str, list[Any]]:
    """The original's rows as the clone should hold them."""
    rows = world.everything(world.blue)
    return {table: [(text.replace(str(world.id), str(twin.id)),) for (text,) in found] for table, found in rows.items()}


def test_it_is_the_original_under_another_tenant(world: World, twin: World, make: Any) -> None:
    world.fill(20)
    neighbour = make()
    neighbour.fill(3)
    before = neighbour.everything(neighbour.blue), world.everything(world.blue)
    found = clone.clone(there(twin), world.id)
    assert found.ok and found.root_source == found.root_target and found.tables["documents"] == 20
    assert twin.everything(twin.blue) == mapped(world, twin)
    assert (neighbour.everything(neighbour.blue), world.everything(world.blue)) == before
    again = clone.clone(there(twin, 2), world.id)
    assert again.root_target == found.root_target


def test_it_is_of_one_snapshot_while_the_original_is_written(world: World, twin: World) -> None:
    world.fill(5)
    with Crowd(world, 2):
        assert clone.clone(there(twin), world.id).ok


def test_killed_before_its_commit_nothing_has_changed(world: World, twin: World) -> None:
    world.fill(5)
    before, taken = twin.everything(twin.blue), there(twin)
    ended = kills.wait(kills.fork(lambda: _die_within(taken, world)))
    assert ended == -signal.SIGKILL and twin.everything(twin.blue) == before
    assert clone.clone(there(twin, 2), world.id).ok


def _die_within(taken: Move, world: World) -> None:
    clone.clone(taken, world.id, beat=lambda: os.kill(os.getpid(), signal.SIGKILL))


def test_a_tenant_that_is_written_is_never_cloned_over(world: World, twin: World) -> None:
    fences.set_state(twin.blue, twin.id, "open")
    with pytest.raises(Permanent, match="must be closed"):
        clone.clone(there(twin), world.id)


def test_what_masks_is_asked_for_every_column_but_the_tenants_and_what_it_changes_is_found(
    world: World, twin: World
) -> None:
    def masked(table: Table, column: str) -> sql.Composable:
        return sql.Literal("hidden") if (table.name, column) == ("documents", "title") else sql.Identifier(column)

    world.fill(3)
    found = clone.clone(there(twin), world.id, masked)
    assert set(found.mismatches) == {"documents"} and len(found.mismatches["documents"]) == 3
    titles = [text for (text,) in twin.everything(twin.blue)["documents"]]
    assert all("hidden" in text for text in titles)


def test_one_byte_more_is_not_the_same(world: World, twin: World) -> None:
    world.fill(3)
    clone.clone(there(twin), world.id)
    fences.set_state(twin.blue, twin.id, "open")
    with twin.writer(twin.blue) as db:
        db.execute("UPDATE rag.chunks SET body = body || ' ' WHERE ordinal = 0 AND tenant_id = %s", [twin.id])
    with reader(world.blue) as mine, reader(world.blue) as theirs:
        assert not verify.twins(mine, theirs, (world.id, twin.id), lambda: None).ok
