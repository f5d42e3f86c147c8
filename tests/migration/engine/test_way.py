"""There and back: nothing is lost, whoever writes meanwhile, and neighbours notice nothing."""

import pytest
from psycopg import errors

from lifecycle.migration.engine import switch

from .conftest import World, drained, fill, moved
from .writers import Crowd


def test_a_tenant_moves_and_comes_back(world: World) -> None:
    world.fill(40)
    before = world.everything(world.blue)
    there = moved(world)
    assert world.everything(world.green) == before
    with pytest.raises(errors.OperationalError) as refused, world.writer(world.blue) as db:
        fill(db, world.id, 1)
    assert refused.value.sqlstate == "55BWF"
    with world.writer(world.green, there.epoch) as db:
        fill(db, world.id, 10)
        db.execute("DELETE FROM rag.access_controls WHERE id = (SELECT id FROM rag.access_controls LIMIT 1)")
    after = world.everything(world.green)
    taken, control = world.take(2)
    back = switch.switch(taken.reversed(), control, budget_ms=5_000)
    assert back.epoch > there.epoch and back.keys_inside == 0
    assert world.everything(world.blue) == after
    with world.writer(world.blue, back.epoch) as db:
        fill(db, world.id, 1)
    with pytest.raises(errors.OperationalError), world.writer(world.green, there.epoch) as db:
        fill(db, world.id, 1)
    assert switch.switch(taken, control, budget_ms=5_000).epoch > back.epoch
    assert world.everything(world.green) == world.everything(world.blue)


def test_writers_notice_nothing_but_latency(world: World, make: object) -> None:
    neighbour = make()  # type: ignore[operator]
    neighbour.fill(5)
    world.fill(60)
    quiet = neighbour.everything(world.blue)
    with Crowd(world) as crowd:
        epochs = [moved(world).epoch]
        for back in (True, False):
            taken, control = world.take(3 - back)
            way = taken.reversed() if back else taken
            drained(way)
            epochs.append(switch.switch(way, control, budget_ms=5_000).epoch)
    crowd.check()
    assert crowd.written > 50 and epochs == sorted(epochs)
    assert neighbour.everything(world.blue) == quiet
    assert not any(neighbour.everything(world.green).values())
