"""The cases that break other ways of moving: each is arranged, and the outcome is the protocol's."""

import threading
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg import IsolationLevel, errors

from lifecycle.migration.engine import arm, copy, native, rounds, switch, verify
from lifecycle.migration.engine.move import Overtaken
from lifecycle.migration.steps import capture
from lifecycle.stores.errors import Permanent, Transient
from lifecycle.stores.postgres import fences
from portal.embedded.stack import Stack
from portal.lib.regions import Region

from .conftest import World, both_ways, copied, drained, moved

pytestmark = both_ways
DOCUMENT = "INSERT INTO rag.documents (tenant_id, id, title) VALUES (%s, %s, 'late')"
MANY = "INSERT INTO rag.documents (tenant_id, id, title) SELECT %s, gen_random_uuid(), 'many' FROM"


def superuser(stack: Stack, region: Region) -> psycopg.Connection[Any]:
    return psycopg.connect(**stack.superuser_kwargs(region.name), autocommit=True)


def awaited(stack: Stack, region: Region) -> None:
    """Until somebody waits for a tenant's lock, or, as whoever makes a slot, for a transaction."""
    waits = "SELECT FROM pg_locks WHERE locktype IN ('advisory', 'transactionid') AND NOT granted"
    with superuser(stack, region) as db:
        while db.execute(waits).fetchone() is None:
            pass


def test_arming_waits_for_a_writer_that_is_past_its_guard(stack: Stack, world: World) -> None:
    taken, _ = world.take(1)
    late = uuid4()
    with world.writer(world.blue) as db:
        db.execute(DOCUMENT, [world.id, late])
        arming = threading.Thread(target=arm.arm, args=[taken])
        arming.start()
        awaited(stack, world.blue)
        db.execute("UPDATE rag.documents SET title = 'later' WHERE id = %s", [late])
        db.commit()
    arming.join(60)
    copied(taken)
    assert world.everything(world.green) == world.everything(world.blue)


def test_ending_capture_keeps_no_other_writer_waiting(stack: Stack, world: World) -> None:
    taken, _ = world.take(1)
    arm.arm(taken)
    with world.writer(world.blue) as slow:
        slow.execute(DOCUMENT, [world.id, uuid4()])
        ending = threading.Thread(target=capture.disarm, args=[taken])
        ending.start()
        awaited(stack, world.blue)
        with world.writer(world.blue) as other:
            other.execute("SET LOCAL lock_timeout = '2s'")
            other.execute(DOCUMENT, [world.id, uuid4()])
    ending.join(60)
    assert not fences.captures(world.blue, world.id)


@pytest.mark.parametrize("isolation", [IsolationLevel.READ_COMMITTED, IsolationLevel.REPEATABLE_READ])
def test_a_transaction_open_across_the_fence_does_not_write_behind_it(world: World, isolation: IsolationLevel) -> None:
    world.fill(3)
    with world.writer(world.blue, isolation_level=isolation) as db:
        db.execute("SELECT count(*) FROM rag.documents")  # its snapshot is older than everything that follows
        moved(world)
        with pytest.raises(errors.OperationalError) as refused:
            db.execute(DOCUMENT, [world.id, uuid4()])
    assert refused.value.sqlstate in ("55BWF", "40001")
    assert world.everything(world.green) == world.everything(world.blue)


def test_a_writer_that_does_not_end_costs_an_attempt_and_nothing_else(world: World) -> None:
    world.fill(3)
    taken, control = world.take(1)
    copied(taken)
    before = control.placement()
    with world.writer(world.blue) as db:
        db.execute(DOCUMENT, [world.id, uuid4()])
        with pytest.raises(switch.OverBudget):
            switch.switch(taken, control, budget_ms=500)
        db.execute(DOCUMENT, [world.id, uuid4()])
    assert control.placement() == before
    assert switch.switch(taken, control, budget_ms=5_000).keys_inside == 0
    assert world.everything(world.green) == world.everything(world.blue)


@pytest.mark.parametrize("back", [False, True])
def test_more_than_a_round_carries_is_written_before_the_fence_and_stays(
    stack: Stack, world: World, monkeypatch: Any, back: bool
) -> None:
    monkeypatch.setattr(rounds, "MOST", 20)
    world.fill(3)
    epoch = moved(world).epoch if back else 1
    taken, control = world.take(2)
    taken = taken.reversed() if back else taken
    if not back:
        copied(taken)
    with world.writer(taken.source, epoch) as db:
        db.execute(f"{MANY} generate_series(1, 50)", [world.id])
        refused: list[BaseException] = []
        switching = threading.Thread(target=_refused, args=[taken, control, refused])
        switching.start()
        awaited(stack, taken.source)
    switching.join(60)
    assert [type(one) for one in refused] == [switch.OverBudget], refused
    assert control.placement().owner == taken.source.name
    whole = world.everything(taken.source)
    assert len(whole["documents"]) == 53
    switch.switch(taken, control, budget_ms=5_000)
    assert world.everything(taken.target) == whole


def _refused(taken: Any, control: Any, found: list[BaseException]) -> None:
    try:
        switch.switch(taken, control, budget_ms=5_000)
    except BaseException as error:
        found.append(error)


def test_inserts_behind_the_last_key_do_not_lead_the_copy_on(world: World) -> None:
    world.fill(3)
    taken, _ = world.take(1)
    arm.arm(taken)
    planned = copy.plan(taken).rows_total
    world.fill(10)
    assert copy.plan(taken).rows_total == planned
    while not copy.copy_some(taken).is_complete:
        pass
    drained(taken)
    assert world.everything(world.green) == world.everything(world.blue)


def test_nobody_truncates_a_shared_table(stack: Stack, world: World) -> None:
    world.fill(1)
    with superuser(stack, world.blue) as db, pytest.raises(errors.InsufficientPrivilege, match="TRUNCATE"):
        db.execute("TRUNCATE rag.documents CASCADE")


def test_without_an_epoch_or_with_another_one_nothing_is_written(world: World) -> None:
    for said in ("", "0", "2"):
        with pytest.raises(errors.OperationalError) as refused, world.writer(world.blue) as db:
            db.execute("SELECT set_config('bw.epoch', %s, true)", [said])
            db.execute(DOCUMENT, [world.id, uuid4()])
        assert refused.value.sqlstate == "55BWF"


def test_unique_values_swapped_between_rows(world: World) -> None:
    world.fill(2)
    taken, _ = world.take(1)
    copied(taken)
    with world.writer(world.blue) as db:
        (one, first), (two, second) = db.execute("SELECT id, email FROM rag.users LIMIT 2").fetchall()
        for user, email in ((one, "nobody"), (two, first), (one, second)):
            db.execute("UPDATE rag.users SET email = %s WHERE id = %s", [email, user])
    drained(taken)
    assert world.everything(world.green) == world.everything(world.blue)


def test_unique_values_swapped_between_a_copied_chunk_and_the_next(world: World, monkeypatch: Any) -> None:
    monkeypatch.setattr(copy, "ROWS", 1)
    world.fill(1)
    taken, _ = world.take(1)
    arm.arm(taken)
    copy.plan(taken)
    with world.writer(world.blue) as db:
        users = db.execute("SELECT id, email FROM rag.users ORDER BY id").fetchall()
    while not _copied(world, taken, users[0][0]):
        copy.copy_some(taken, 0)
    with world.writer(world.blue) as db:
        for user, email in ((users[0][0], "nobody"), (users[-1][0], users[0][1]), (users[0][0], users[-1][1])):
            db.execute("UPDATE rag.users SET email = %s WHERE id = %s", [email, user])
    while not copy.copy_some(taken).is_complete:
        pass
    drained(taken)
    assert world.everything(world.green) == world.everything(world.blue)


def _copied(world: World, taken: Any, user: Any) -> bool:
    with psycopg.connect(**world.green.database.connect_kwargs("verifier")) as db:
        query = "SELECT count(*) FROM rag.users WHERE tenant_id = %s AND id = %s"
        return db.execute(query, [world.id, user]).fetchone() == (1,)


def test_a_row_that_changes_its_tenant_is_dirty_for_both(stack: Stack, world: World, make: Any) -> None:
    other = make()
    movers = [one.take(1)[0] for one in (world, other)]
    world.fill(1)
    for taken in movers:
        copied(taken)
    with superuser(stack, world.blue) as db, db.transaction():
        db.execute("SELECT set_config('bw.epoch', '1', true)")
        db.execute("UPDATE rag.usage_counters SET tenant_id = %s WHERE tenant_id = %s", [other.id, world.id])
    for taken in movers:
        drained(taken)
    for one in (world, other):
        assert one.everything(one.green) == one.everything(one.blue)
    assert other.everything(other.green)["usage_counters"] and not world.everything(world.green)["usage_counters"]


def test_equal_ids_of_another_tenant_on_the_other_side_stay_as_they_are(world: World, make: Any) -> None:
    neighbour, document = make(), uuid4()
    moved(neighbour)
    for one, at, epoch in ((world, world.blue, 1), (neighbour, neighbour.green, 2)):
        with one.writer(at, epoch) as db:
            db.execute(DOCUMENT, [one.id, document])
    before = neighbour.everything(neighbour.green)
    moved(world)
    assert neighbour.everything(neighbour.green) == before


def test_capture_that_was_off_voids_what_was_copied(stack: Stack, world: World) -> None:
    world.fill(3)
    taken, _ = world.take(1)
    copied(taken)
    with superuser(stack, world.blue) as db:
        db.execute("UPDATE bw.fence SET capture = false WHERE tenant_id = %s", [world.id])
    with world.writer(world.blue) as db:
        db.execute("DELETE FROM rag.access_controls")
    with pytest.raises(Permanent, match="not captured"):
        rounds.round(taken)
    copied(taken)
    drained(taken)
    assert world.everything(world.green) == world.everything(world.blue)


def test_a_mover_that_was_overtaken_commits_nothing(world: World) -> None:
    world.fill(3)
    old, control = world.take(1)
    copied(old)
    world.take(2)
    world.fill(1)
    before = world.everything(world.green)
    for act in (arm.arm, rounds.round, verify.verify):
        with pytest.raises(Overtaken):
            act(old)
    with pytest.raises(Overtaken):
        switch.switch(old, control)
    assert world.everything(world.green) == before


def test_the_mover_never_writes_to_an_open_store(world: World) -> None:
    world.fill(3)
    moved(world)
    taken, _ = world.take(2)
    with pytest.raises(Permanent, match="must be closed"):
        copy.plan(taken) if arm.arm(taken) else None


def test_a_suspended_tenant_moves_and_stays_suspended(world: World) -> None:
    world.fill(3)
    for region in (world.blue, world.green):
        fences.set_suspended(region, world.id, True, 7)
    epoch = moved(world).epoch
    with pytest.raises(errors.OperationalError) as refused, world.writer(world.green, epoch) as db:
        db.execute(DOCUMENT, [world.id, uuid4()])
    assert refused.value.sqlstate == "55BWS"


def test_a_deletion_by_the_provisioner_is_captured_though_the_epoch_is_not_said(world: World) -> None:
    from lifecycle.stores.postgres import rows

    world.fill(3)
    taken, _ = world.take(1)
    copied(taken)
    rows.remove(world.blue, tenant_id=world.id, role=world.names[world.blue.name].role)
    drained(taken)
    assert not any(world.everything(world.green).values())


def test_arming_gives_up_on_a_writer_that_does_not_end(world: World, monkeypatch: Any) -> None:
    monkeypatch.setattr(native, "PATIENCE", 1.0)
    taken, _ = world.take(1)
    with world.writer(world.blue) as db:
        db.execute(DOCUMENT, [world.id, uuid4()])
        with pytest.raises(Transient, match=r"the transaction of \w+ in process \d+"):  # the oldest of the server
            arm.arm(taken, tries=2)
        db.execute(DOCUMENT, [world.id, uuid4()])
