"""What changes beside the rows while a tenant moves: tables, sequences, transactions that outlive their session."""

from dataclasses import replace
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg import errors

from lifecycle.migration import catalogue
from lifecycle.migration.engine import arm, copy, tables
from lifecycle.stores.errors import StoreError
from portal.embedded.stack import Stack

from .conftest import World, drained
from .link import Link
from .test_directed import superuser

UNLIKE = [
    ("index reports_by_day of usage_reports", "CREATE INDEX reports_by_day ON rag.usage_reports (tenant_id, day)"),
    ("usage_reports.amount", "ALTER TABLE rag.usage_reports ALTER amount SET DEFAULT 7"),
    ("usage_reports.amount", "ALTER TABLE rag.usage_reports ALTER amount DROP NOT NULL"),
    ("usage_reports.amount", "ALTER TABLE rag.usage_reports ALTER amount TYPE text USING amount::text"),
    ("constraint small of usage_reports", "ALTER TABLE rag.usage_reports ADD CONSTRAINT small CHECK (amount < 10^9)"),
    ("trigger guard_delete of usage_reports", "ALTER TABLE rag.usage_reports DISABLE TRIGGER guard_delete"),
    ("trigger extra of usage_reports", "CREATE TRIGGER extra BEFORE TRUNCATE ON rag.usage_reports"
     " FOR EACH STATEMENT EXECUTE FUNCTION bw.refuse_truncate()"),
    ("policy all_see of usage_reports", "CREATE POLICY all_see ON rag.usage_reports USING (true)"),
    ("row security of usage_reports", "ALTER TABLE rag.usage_reports NO FORCE ROW LEVEL SECURITY"),
    ("usage_reports.tenant_id", "DROP TABLE rag.usage_reports"),
]  # fmt: skip


def test_the_two_regions_are_alike(world: World) -> None:
    assert catalogue.differences(world.blue, world.green) == []


@pytest.mark.parametrize(("name", "change"), UNLIKE, ids=lambda one: one[:40].replace(" ", "-"))
def test_what_hangs_on_a_table_is_compared_and_named(stack: Stack, world: World, name: str, change: str) -> None:
    with superuser(stack, world.blue) as db, db.transaction(force_rollback=True):
        db.execute("SET LOCAL lock_timeout = '5s'")
        before = catalogue.shape(db)
        db.execute(change)
        said = catalogue.compared(catalogue.shape(db), before, world.blue, world.green)
    assert any(one.startswith(f"{name} is ") for one in said), said


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
