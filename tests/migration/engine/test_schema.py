"""What changes beside the rows while a tenant moves: tables, sequences, transactions that outlive their session."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg import errors

from lifecycle.migration import catalogue
from lifecycle.migration.engine import arm, copy, rounds, tables, verify
from lifecycle.stores.errors import StoreError
from lifecycle.stores.postgres import fences
from portal.embedded.stack import Stack

from .conftest import World, copied, drained
from .link import Link
from .test_directed import superuser


@pytest.fixture
def ddl(stack: Stack, world: World) -> Iterator[Any]:
    """`ddl("blue", statement)` as the owner of the tables; what was added is dropped again at the end."""

    def run(side: str, statement: str) -> None:
        with superuser(stack, getattr(world, side)) as db:
            db.execute("SET lock_timeout = '5s'")
            db.execute(statement)

    yield run
    for side in ("blue", "green"):
        run(side, "ALTER TABLE rag.usage_reports DROP COLUMN IF EXISTS noted")
        run(side, "DROP TABLE IF EXISTS rag.numbered")


ADD = "ALTER TABLE rag.usage_reports ADD COLUMN noted text NOT NULL DEFAULT 'as it was'"


def test_a_column_added_on_one_side_is_refused_and_not_dropped(world: World, ddl: Any) -> None:
    world.fill(2)
    taken, _ = world.take(1)
    copied(taken)
    ddl("blue", ADD)
    assert any("usage_reports.noted" in said for said in catalogue.differences(world.blue, world.green))
    with pytest.raises(StoreError, match="not alike"):
        verify.verify(taken)
    with world.writer(world.blue) as db:
        db.execute("UPDATE rag.usage_reports SET noted = 'changed'")
    with pytest.raises(StoreError, match="noted"):
        rounds.round(taken)
    ddl("green", ADD)
    drained(taken)
    assert verify.verify(taken).ok
    assert "changed" in str(world.everything(world.green)["usage_reports"])


def test_a_table_that_takes_numbers_from_a_sequence_is_refused(world: World, ddl: Any) -> None:
    ddl("blue", "CREATE TABLE rag.numbered (tenant_id uuid, id bigint GENERATED ALWAYS AS IDENTITY,"
        " PRIMARY KEY (tenant_id, id))")  # fmt: skip
    said = catalogue.faults(world.blue)
    assert "numbered.id takes numbers from a sequence" in said and "numbered has not the whole guard" in said
    with pytest.raises(StoreError, match="numbered"):
        arm.arm(world.take(1)[0])
    assert not fences.captures(world.blue, world.id)


HALF = (
    "DISABLE TRIGGER guard_delete",
    "DISABLE TRIGGER guard_truncate",
    "DISABLE TRIGGER guard_insert, DISABLE TRIGGER guard_update, DISABLE TRIGGER guard_delete",
)
PASSED_OVER = """
DROP TRIGGER guard_delete ON rag.documents; CREATE TRIGGER guard_delete AFTER DELETE ON rag.documents
REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT WHEN (current_user = 'bw_mover')
EXECUTE FUNCTION bw.guard_documents('content')
"""


@pytest.mark.parametrize("change", [*(f"ALTER TABLE rag.documents {one}" for one in HALF), PASSED_OVER])
def test_half_a_guard_is_none(stack: Stack, world: World, change: str) -> None:
    with superuser(stack, world.blue) as db, db.transaction(force_rollback=True):
        assert all(table.is_guarded for table in tables.read(db))
        db.execute(change)
        assert [table.name for table in tables.read(db) if not table.is_guarded] == ["documents"]
        assert db.execute(catalogue.UNGUARDED).fetchall() == [("documents",)]
        with pytest.raises(StoreError, match="documents in ap-south-1"):
            tables.require_guards(tables.read(db), world.blue)


def test_no_transaction_is_prepared_and_left_open(world: World) -> None:
    """Where a server allows it, its lock stays: arming says that a transaction stays open. Here no server does."""
    for side in (world.blue, world.green):
        with world.writer(side, epoch=1) as db:
            db.execute("SELECT 1")
            with pytest.raises(errors.ObjectNotInPrerequisiteState, match="prepared transactions are disabled"):
                db.execute(f"PREPARE TRANSACTION '{uuid4()}'")
            db.rollback()


def test_inserts_faster_than_the_link_do_not_keep_the_copy_from_its_end(world: World, monkeypatch: Any) -> None:
    """The last key is frozen; what comes behind it is left to rounds, which see that it grows."""
    monkeypatch.setattr(copy, "ROWS", 20)
    world.fill(60)
    link = Link(world.green, rate=400_000.0)
    far = replace(world, green=link.region)
    taken, _ = far.take(1)
    arm.arm(taken)
    planned = copy.plan(taken).chunks_total
    while not copy.copy_some(taken, 0).is_complete:
        world.fill(40, chunks=1)
    assert copy.plan(taken).chunks_total == planned
    with psycopg.connect(**world.blue.database.connect_kwargs("observer")) as db:
        (dirty,) = db.execute("SELECT count(*) FROM bw.dirty WHERE tenant_id = %s", [world.id]).fetchone() or (0,)
    assert dirty > 300, "more than the copy has brought"
    link.close()
    taken, _ = world.take(2)
    drained(taken)
    assert world.everything(world.green) == world.everything(world.blue)
