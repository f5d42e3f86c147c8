"""The mover is killed at every commit, there and back: whoever comes after finishes, and nothing is lost."""

import os
import random
import signal

import psycopg
import pytest

from lifecycle.migration.engine import move, switch
from tests.sweeps import SEED, WHOLE

from . import kills
from .conftest import World, drained, moved
from .writers import Crowd

MOST = 200


def go(world: World, job_epoch: int, *, back: bool = False) -> None:
    """Whatever is left of the way, by whoever is given `job_epoch`."""
    if not back:
        moved(world, job_epoch)
        return
    taken, control = world.take(job_epoch)
    if not switch.recover(taken.reversed(), control):
        drained(taken.reversed())
    switch.switch(taken.reversed(), control, budget_ms=5_000)


def open_stores(world: World) -> list[tuple[str, int]]:
    """Region and epoch of the stores that take writes."""
    found = []
    for region in (world.blue, world.green):
        with psycopg.connect(**region.database.connect_kwargs("observer")) as db:
            query = "SELECT epoch FROM bw.fence WHERE tenant_id = %s AND state = 'open'"
            found += [(region.name, epoch) for (epoch,) in db.execute(query, [world.id])]
    return found


def placed(world: World) -> list[tuple[str, int]]:
    with psycopg.connect(**world.arguments) as db:
        return db.execute("SELECT owner, epoch FROM placement WHERE tenant_id = %s", [world.id]).fetchall()


def points(taken: range) -> list[int]:
    """All of them, or a few of those by a seed that is printed."""
    return list(taken) if WHOLE else sorted(random.Random(SEED).sample(list(taken), 5))


@pytest.mark.parametrize("back", [False, True])
def test_killed_at_every_commit(sides: object, world: World, back: bool, make: object) -> None:
    reached = None
    for at in points(range(1, MOST if WHOLE else (40 if not back else 24))):
        world = make()  # type: ignore[operator]
        world.fill(3)
        crowd = Crowd(world, 2)
        if back:
            moved(world)
        with crowd:
            ended = kills.wait(kills.fork(lambda w=world: go(w, 2, back=back), at))  # type: ignore[misc]
            go(world, 3, back=back)
        where = f"point {at}, back {back}, seed {SEED}"
        assert ended in (0, -signal.SIGKILL), where
        crowd.check()
        assert open_stores(world) == placed(world), where
        drained_both(world, back)
        assert world.everything(world.green) == world.everything(world.blue), where
        if ended == 0:
            reached = at
            break
    assert reached is not None or not WHOLE, "the sweep ended before the mover did"


def drained_both(world: World, back: bool) -> None:
    taken, _ = world.take(9)
    drained(taken if back else taken.reversed())


def test_a_mover_that_slept_at_a_commit_changes_nothing(world: World) -> None:
    world.fill(2)
    at = points(range(20, 38))[0]
    child = kills.fork(lambda: go(world, 2), at, signal.SIGSTOP)
    _, status = os.waitpid(child, os.WUNTRACED)
    assert os.WIFSTOPPED(status), f"point {at} was not reached"
    with Crowd(world, 2) as crowd:
        go(world, 3)
        before = placed(world)
        os.kill(child, signal.SIGCONT)
        assert kills.wait(child) in (1, kills.END), f"point {at}: the sleeper did not notice"
    assert placed(world) == before and open_stores(world) == before
    crowd.check()


def test_a_mover_that_sleeps_in_the_middle_of_a_pipeline_is_ended(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For the server it is busy, so none of its own limits ends it."""
    monkeypatch.setattr(move, "END_SLEEPERS", move.END_SLEEPERS.replace("15 s", "0.5 s"))
    world.take(1)
    sleeper = psycopg.connect(**world.green.database.connect_kwargs("mover"))
    with pytest.raises(psycopg.OperationalError), sleeper, sleeper.pipeline():
        query = "SELECT epoch FROM bw.job_epoch WHERE tenant_id = %s AND resource_class = 'migration' FOR SHARE"
        assert sleeper.execute(query, [world.id]).fetchone() == (1,)
        taken, _ = world.take(2)
        assert taken.job_epoch == 2
        sleeper.execute("SELECT 1").fetchone()
