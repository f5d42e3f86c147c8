"""Tables that are changed between the plan of a move and its switch: refused in words, or carried; never lost.

On servers of its own: what is changed here is everybody's.
"""

import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from lifecycle.migration import catalogue
from lifecycle.migration.engine import arm, copy, native, rounds, switch, verify
from lifecycle.stores.errors import StoreError, Transient
from lifecycle.stores.postgres import fences
from portal.embedded.stack import Stack
from portal.lib.regions import Region
from tests.jobs.support import eventually

from .conftest import CONTROL, Control, World, both_ways, copied, drained
from .test_directed import superuser
from .test_kills import open_stores, placed

pytestmark = both_ways
Ddl = Callable[[str, str], None]
NOTES = """
SET ROLE rag_owner;
CREATE TABLE rag.notes (tenant_id uuid NOT NULL, id uuid NOT NULL, body text NOT NULL, PRIMARY KEY (tenant_id, id));
SELECT bw.secure_table('notes'), bw.guard_table('notes', '{INSERT,UPDATE,DELETE}');
RESET ROLE
"""
CHANGES = {
    "dropped": ("DROP TABLE rag.notes", "notes.body is missing at the source"),
    "another type": ("ALTER TABLE rag.notes ALTER body TYPE varchar(3) USING left(body, 3)", "notes.body is character"),
    "a new column": ("ALTER TABLE rag.notes ADD COLUMN IF NOT EXISTS pinned boolean DEFAULT true", "notes.pinned is"),
}


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with Stack(tmp_path_factory.mktemp("ddl") / "home") as own:
        yield own


@pytest.fixture(scope="module")
def arguments(stack: Stack) -> dict[str, Any]:
    found = stack.superuser_kwargs("control", "postgres")
    with psycopg.connect(**found, autocommit=True) as db:
        db.execute(CONTROL)
    return found


@pytest.fixture(scope="module")
def sides(stack: Stack) -> tuple[Region, Region]:
    return stack.region("ap-south-1"), stack.region("eu-west-1")


@pytest.fixture
def ddl(stack: Stack, world: World) -> Iterator[Ddl]:
    """`ddl("blue", statement)` as a superuser, on both sides with one more table of the tenants."""

    def run(side: str, statement: str) -> None:
        with superuser(stack, getattr(world, side)) as db:
            db.execute("SET lock_timeout = '5s'")
            db.execute("SELECT set_config('bw.epoch', '1', false)")
            db.execute(statement)

    for side in ("blue", "green"):
        run(side, NOTES)
    run("blue", f"INSERT INTO rag.notes SELECT '{world.id}', gen_random_uuid(), 'a note' FROM generate_series(1, 5)")
    yield run
    for side in ("blue", "green"):
        run(side, "DROP TABLE IF EXISTS rag.notes, rag.numbered")
        run(side, "ALTER TABLE rag.usage_reports DROP COLUMN IF EXISTS noted")


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("stage", ["planned", "copied", "verified"])
def test_a_table_changed_before_the_switch_is_named_and_nothing_is_lost(
    world: World, ddl: Ddl, stage: str, change: str
) -> None:
    world.fill(2)
    taken, control = world.take(1)
    if stage == "planned":
        arm.arm(taken)
        copy.plan(taken)
    else:
        copied(taken)
    if stage == "verified":
        drained(taken)
        assert verify.verify(taken).ok
    statement, said = CHANGES[change]
    ddl("blue", statement)
    acts: list[Callable[[], Any]] = [
        lambda: rounds.round(taken), lambda: verify.verify(taken), lambda: switch.switch(taken, control, 5_000)
    ]  # fmt: skip
    for act in acts if stage != "planned" else [lambda: copy.copy_some(taken)]:
        with pytest.raises(StoreError, match=said):
            act()
    assert open_stores(world) == placed(world) == [(world.blue.name, 1)], "blue serves on"
    with world.writer(world.blue) as db:
        db.execute("INSERT INTO rag.documents (tenant_id, id, title) VALUES (%s, %s, 'on')", [world.id, uuid4()])
    ddl("green", statement)
    if (stage, change) == ("planned", "dropped"):
        with pytest.raises(StoreError, match="notes was dropped since the copy was planned"):
            copied(taken)
        return
    copied(taken)
    drained(taken)
    assert verify.verify(taken).ok
    switch.switch(taken, control, 5_000)
    assert world.everything(world.green) == world.everything(world.blue)


WRITE = "INSERT INTO rag.notes SELECT '{tenant}', gen_random_uuid(), 'late' FROM generate_series(1, 3)"


def waiting(world: World) -> int:
    with psycopg.connect(**world.blue.database.connect_kwargs("mover")) as db:
        row = db.execute("SELECT count(*) FROM bw.dirty WHERE tenant_id = %s", [world.id]).fetchone()
    return row[0] if row else 0


def test_what_was_captured_of_a_table_that_was_dropped_on_both_sides_is_let_go_and_told(world: World, ddl: Ddl) -> None:
    world.fill(2)
    taken, control = world.take(1)
    copied(taken)
    drained(taken)
    ddl("blue", WRITE.format(tenant=world.id))
    with world.writer(world.blue) as db:
        db.execute("INSERT INTO rag.documents (tenant_id, id, title) VALUES (%s, %s, 'on')", [world.id, uuid4()])
    for side in ("blue", "green"):
        ddl(side, "DROP TABLE rag.notes")
    done = rounds.round(taken)
    assert (dict(done.gone), done.keys, waiting(world)) == ({"notes": 3}, 1, 0)
    assert verify.verify(taken).ok
    switch.switch(taken, control, 5_000)
    assert world.everything(world.green) == world.everything(world.blue)


def test_what_was_captured_of_a_table_that_was_renamed_comes_by_its_new_name(world: World, ddl: Ddl) -> None:
    """New rows, changed ones and the absence of deleted ones; nobody can tell a table renamed from one dropped."""
    taken, _ = world.take(1)
    copied(taken)
    drained(taken)
    ddl("blue", WRITE.format(tenant=world.id))
    for change in ("UPDATE rag.notes SET body = 'other'", "DELETE FROM rag.notes"):
        ddl("blue", f"{change} WHERE id IN (SELECT id FROM rag.notes WHERE body = 'a note' LIMIT 2)")
    for side in ("blue", "green"):
        ddl(side, "ALTER TABLE rag.notes RENAME TO numbered")
    assert rounds.round(taken).gone == {"notes": 7} and waiting(world) == 0
    kept = world.everything(world.green)["numbered"]
    assert len(kept) == 6 and kept == world.everything(world.blue)["numbered"]
    assert verify.verify(taken).ok


MAKE = NOTES.replace("notes", "numbered")


def test_a_table_made_meanwhile_on_both_sides_comes_along(world: World, ddl: Ddl) -> None:
    """A stream tells of the tables that it began with; of later ones their guards do."""
    taken, control = world.take(1)
    copied(taken)
    for side in ("blue", "green"):
        ddl(side, MAKE)
    drained(taken)
    assert verify.verify(taken).ok
    ddl("blue", WRITE.format(tenant=world.id).replace("notes", "numbered"))
    switch.switch(taken, control, 5_000)
    assert len(world.everything(world.green)["numbered"]) == 3


def test_a_table_made_on_both_sides_after_the_switch_comes_back(world: World, ddl: Ddl) -> None:
    """Green's stream began with the switch and knows nothing of it: what is written there, changed and deleted."""
    world.fill(2)
    taken, control = world.take(1)
    copied(taken)
    there = switch.switch(taken, control, 5_000)
    for side in ("blue", "green"):
        ddl(side, MAKE)
    write = f"SELECT set_config('bw.epoch', '{there.epoch}', false); {WRITE.format(tenant=world.id)}"
    ddl("green", write.replace("notes", "numbered"))
    taken, control = world.take(2)
    back = taken.reversed()
    rounds.round(back)
    assert len(world.everything(world.blue)["numbered"]) == 3
    first, last = (f"(SELECT {which}(id::text)::uuid FROM rag.numbered)" for which in ("min", "max"))
    for change in (
        f"UPDATE rag.numbered SET body = 'other' WHERE id = {first}",
        f"DELETE FROM rag.numbered WHERE id = {last}",
        WRITE.format(tenant=world.id).replace("notes", "numbered"),
    ):
        ddl("green", f"SELECT set_config('bw.epoch', '{there.epoch}', false); {change}")
    switch.switch(back, control, 5_000)
    kept = world.everything(world.blue)
    assert len(kept["numbered"]) == 5 and "other" in str(kept["numbered"]) and kept == world.everything(world.green)


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


@dataclass(frozen=True)
class Meddling(Control):
    """Somebody changes a table when all of them have been read, and nobody waits yet."""

    change: Callable[[], None] = lambda: None

    def fresh_epoch(self) -> int:
        self.change()
        return super().fresh_epoch()


def test_a_table_changed_while_the_switch_warms_up_undoes_it(world: World, ddl: Ddl) -> None:
    world.fill(2)
    taken, control = world.take(1)
    copied(taken)
    drained(taken)
    statement, said = CHANGES["a new column"]
    meddled = Meddling(control.arguments, world.id, 1, lambda: ddl("blue", statement))
    with pytest.raises(Transient, match="were changed a moment ago"):
        switch.switch(taken, meddled, 5_000)
    assert open_stores(world) == placed(world) and placed(world)[0][0] == world.blue.name
    with pytest.raises(StoreError, match=said):
        switch.switch(taken, control, 5_000)


def test_a_prepared_transaction_left_open_across_arming_is_named(
    stack: Stack, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Our own servers prepare none; one that does keeps the tenant's lock for it, without a process to be ended."""
    monkeypatch.setattr(native, "PATIENCE", 1.0)
    with superuser(stack, world.blue) as db:
        db.execute("ALTER SYSTEM SET max_prepared_transactions = 2")
    os.kill(stack.runtime["pids"][f"postgres {world.blue.name}"], signal.SIGINT)
    eventually(lambda: _setting(stack, world) == "2", what="the server with it")
    taken, _ = world.take(1)
    with world.writer(world.blue) as db:
        db.execute("INSERT INTO rag.documents (tenant_id, id, title) VALUES (%s, %s, 'left')", [world.id, uuid4()])
        db.execute("PREPARE TRANSACTION 'left-open'")
    with pytest.raises(Transient, match="the prepared transaction 'left-open'"):
        arm.arm(taken, tries=3)
    with superuser(stack, world.blue) as db:
        db.execute("COMMIT PREPARED 'left-open'")
    copied(taken)
    assert len(world.everything(world.green)["documents"]) == 1


def _setting(stack: Stack, world: World) -> str:
    try:
        with superuser(stack, world.blue) as db:
            row = db.execute("SHOW max_prepared_transactions").fetchone()
    except psycopg.OperationalError:
        return ""
    return str(row[0]) if row else ""
