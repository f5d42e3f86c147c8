"""A store that was shut for a window takes no write until its tenant is switched, whoever dies in between."""

import psycopg
import pytest

from lifecycle.migration.engine import switch, verify
from portal.lib.regions import Region
from tests.migration.engine.conftest import World, copied, drained, fill


def takes_writes(world: World, region: Region, epoch: int) -> bool:
    try:
        with world.writer(region, epoch) as db:
            fill(db, world.id, 1)
    except psycopg.OperationalError as error:
        assert error.sqlstate == "55BWF"
        return False
    return True


@pytest.mark.parametrize("dies", [False, True])
def test_nothing_is_written_between_the_shutting_and_the_switch(world: World, dies: bool) -> None:
    world.fill(20)
    taken, control = world.take(1)
    switch.shut(taken, 5_000)
    assert not takes_writes(world, world.blue, 1)
    copied(taken)
    if dies:  # after the target was opened and before the placement was set
        with world.writer(world.green) as db, pytest.raises(psycopg.OperationalError):
            fill(db, world.id, 1)
        dead_epoch = control.fresh_epoch()
        with psycopg.connect(**world.green.database.connect_kwargs("mover")) as db:
            change = "UPDATE bw.fence SET state = 'open', epoch = %s, capture = true WHERE tenant_id = %s"
            assert db.execute(change, (dead_epoch, world.id)).rowcount == 1
        taken, control = world.take(2)
    switch.shut(taken, 5_000)
    assert not switch.recover(taken, control, is_shut=True)
    drained(taken)
    assert verify.verify(taken).ok
    before = world.everything(world.blue)
    done = switch.switch(taken, control, 5_000, is_shut=True)
    assert world.everything(world.green) == before == world.everything(world.blue)
    assert takes_writes(world, world.green, done.epoch) and not takes_writes(world, world.blue, 1)


def test_an_abort_opens_the_owner_again_at_an_epoch_never_seen(world: World) -> None:
    taken, control = world.take(1)
    switch.shut(taken, 5_000)
    epoch = switch.abort(taken, control)
    assert epoch > 1 and takes_writes(world, world.blue, epoch) and not takes_writes(world, world.blue, 1)
