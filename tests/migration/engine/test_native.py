"""What is told of the server's own stream alone: what it sees, what it retains, and how it ends."""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from lifecycle.migration.engine import arm, native, rounds, switch, verify
from lifecycle.migration.engine.move import NATIVE, Overtaken
from lifecycle.migration.engine.snapshots import Gone, held
from lifecycle.migration.steps import capture as capturing
from lifecycle.stores.errors import Permanent
from portal.embedded.stack import Stack
from portal.lib.regions import Region

from .conftest import FEW, World, copied, drained, moved, slots
from .test_directed import DOCUMENT, superuser
from .writers import Crowd

pytestmark = pytest.mark.parametrize("capture", [NATIVE], indirect=True)
WAL = "SELECT count(pg_logical_emit_message(false, 'filler', repeat('x', 1000000))) FROM generate_series(1, %s)"
OURS = """
SELECT wal_status, pg_wal_lsn_diff(pg_current_wal_lsn(), confirmed_flush_lsn)::bigint FROM pg_replication_slots
WHERE slot_name = %s
"""


def test_there_and_back_under_writers_and_neighbours_stay_as_they_are(world: World, make: Any) -> None:
    idle = make()
    idle.fill(3)
    before = idle.everything(idle.blue)
    world.fill(50)
    with Crowd(world) as crowd:
        moved(world)
        taken, control = world.take(2)
        drained(taken.reversed(), FEW)
        assert verify.verify(taken.reversed()).ok
        done = switch.switch(taken.reversed(), control, budget_ms=5_000)
    crowd.check()
    assert crowd.written and control.placement().owner == world.blue.name and done.keys_inside is not None
    drained(taken)
    assert world.everything(world.green) == world.everything(world.blue)
    capturing.disarm(taken)
    assert slots(world) == []
    assert idle.everything(idle.blue) == before and not any(idle.everything(idle.green).values())


def test_the_triggers_keep_no_keys_beside_the_stream(stack: Stack, world: World) -> None:
    taken, _ = world.take(1)
    copied(taken)
    with world.writer(world.blue) as db:
        db.execute(DOCUMENT, [world.id, uuid4()])
    assert waiting(stack, world.blue, world) == 0
    assert capturing.waiting(taken) == 1
    assert rounds.round(taken).keys == 1
    assert capturing.waiting(taken) == 0


def waiting(stack: Stack, region: Region, world: World) -> int:
    with superuser(stack, region) as db:
        return db.execute("SELECT count(*) FROM bw.dirty WHERE tenant_id = %s", [world.id]).fetchone()[0]  # type: ignore[index]


def test_who_passes_every_trigger_is_captured(stack: Stack, world: World) -> None:
    world.fill(2)
    taken, _ = world.take(1)
    copied(taken)
    with superuser(stack, world.blue) as db:
        db.execute("SET session_replication_role = replica")
        db.execute("UPDATE rag.documents SET title = 'past the guard' WHERE tenant_id = %s", [world.id])
        db.execute("DELETE FROM rag.access_controls WHERE tenant_id = %s", [world.id])
    drained(taken)
    assert world.everything(world.green) == world.everything(world.blue)


def test_who_waits_for_no_disk_is_in_the_round_that_shows_it(world: World) -> None:
    taken, _ = world.take(1)
    copied(taken)
    for _ in range(20):
        with world.writer(world.blue) as db:
            db.execute("SET LOCAL synchronous_commit = off")
            db.execute(DOCUMENT, [world.id, uuid4()])
        assert rounds.round(taken).upserted == 1


def test_what_a_held_snapshot_does_not_show_stays_dirty(stack: Stack, world: World) -> None:
    taken, _ = world.take(1)
    copied(taken)
    with held(world.blue) as (_, before):
        with world.writer(world.blue) as db:
            db.execute(DOCUMENT, [world.id, uuid4()])
        assert capturing.waiting(taken) == 1
        assert rounds.round(taken, before).keys == 0
        assert waiting(stack, world.blue, world) == 1
        assert rounds.round(taken).keys == 1
        with pytest.raises(Gone):
            rounds.round(taken, before)
    assert world.everything(world.green) == world.everything(world.blue)


def test_a_transaction_under_way_since_before_the_slot_was_read_is_not_missed(world: World) -> None:
    taken, _ = world.take(1)
    copied(taken)
    with world.writer(world.blue) as slow:
        slow.execute(DOCUMENT, [world.id, uuid4()])
        with world.writer(world.blue) as quick:
            quick.execute(DOCUMENT, [world.id, uuid4()])
        assert rounds.round(taken).keys == 1
        slow.execute(DOCUMENT, [world.id, uuid4()])
    assert rounds.round(taken).keys == 2
    assert world.everything(world.green) == world.everything(world.blue)


def test_what_was_collected_is_not_retained_however_long_green_is_silent(stack: Stack, world: World) -> None:
    taken, _ = world.take(1)
    copied(taken)
    with superuser(stack, world.blue) as db:
        slot = native.slot_of(taken, world.blue)
        db.execute(WAL, [20])
        assert db.execute(OURS, [slot]).fetchone()[1] > 15_000_000  # type: ignore[index]
        native.collect(world.blue, world.id)
        assert db.execute(OURS, [slot]).fetchone()[1] < 1_000_000  # type: ignore[index]


@pytest.fixture
def scarce(stack: Stack, world: World) -> Iterator[psycopg.Connection[Any]]:
    """Blue's server retains next to nothing for a slot."""
    with superuser(stack, world.blue) as db:
        db.execute("ALTER SYSTEM SET max_slot_wal_keep_size = '1MB'")
        db.execute("SELECT pg_reload_conf()")
        try:
            yield db
        finally:
            db.execute("ALTER SYSTEM RESET max_slot_wal_keep_size")
            db.execute("SELECT pg_reload_conf()")


def test_a_slot_that_the_server_gave_up_voids_the_copy_and_is_said(world: World, scarce: Any) -> None:
    world.fill(3)
    taken, _ = world.take(1)
    copied(taken)
    with world.writer(world.blue) as db:
        db.execute("DELETE FROM rag.access_controls")
    slot = native.slot_of(taken, world.blue)
    while scarce.execute(OURS, [slot]).fetchone()[0] != "lost":
        scarce.execute(WAL, [20])
        scarce.execute("SELECT pg_switch_wal()")
        scarce.execute("CHECKPOINT")
    with pytest.raises(Permanent, match=f"has lost the slot {slot}"):
        rounds.round(taken)
    with pytest.raises(Permanent, match="not captured"):
        rounds.round(taken)
    scarce.execute("ALTER SYSTEM RESET max_slot_wal_keep_size")
    scarce.execute("SELECT pg_reload_conf()")
    copied(taken)
    drained(taken)
    assert world.everything(world.green) == world.everything(world.blue)


def test_who_was_overtaken_takes_no_slot_away(world: World) -> None:
    old, _ = world.take(1)
    arm.arm(old)
    world.take(2)
    with pytest.raises(Overtaken):
        native.drop(old, world.blue)
    assert {name for _, name in slots(world)} == {native.slot_of(old, world.blue)}


def test_more_than_is_read_at_once_is_read_in_pieces(world: World, monkeypatch: Any) -> None:
    monkeypatch.setattr(native, "AT_ONCE", 10)
    taken, _ = world.take(1)
    copied(taken)
    for _ in range(3):
        world.fill(30)
    drained(taken)
    assert world.everything(world.green) == world.everything(world.blue)
