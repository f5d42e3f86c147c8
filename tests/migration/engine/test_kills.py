"""The mover is killed at every commit, there and back: whoever comes after finishes, and nothing is lost."""

import os
import random
import signal
import time
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest

from lifecycle.migration.engine import move, switch
from lifecycle.migration.engine.move import Placement
from lifecycle.stores.postgres.connection import connection, prompt
from lifecycle.stores.postgres.fences import LOCK
from tests.jobs.support import eventually
from tests.sweeps import SEED, WHOLE

from . import kills
from .conftest import FEW, Control, World, both_ways, copied, drained, leave, moved
from .writers import Crowd


def go(world: World, job_epoch: int, *, back: bool = False) -> None:
    """Whatever is left of the way, by whoever is given `job_epoch`."""
    if not back:
        moved(world, job_epoch)
        return
    taken, control = world.take(job_epoch)
    if not switch.recover(taken.reversed(), control):
        drained(taken.reversed(), FEW)
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


@both_ways
@pytest.mark.parametrize("back", [False, True])
def test_killed_at_every_commit(back: bool, make: Any) -> None:
    deaths = 0
    for at in kills.sweep(5):
        world = make()
        world.fill(3)
        crowd = Crowd(world, 2)
        if back:
            moved(world)
        with crowd:
            ended = kills.wait(kills.fork(lambda w=world: go(w, 2, back=back), at))  # type: ignore[misc]
            go(world, 3, back=back)
        where = f"point {at}, back {back}, seed {SEED}"
        is_beyond = kills.passed() < at or not at
        assert ended == (0 if is_beyond else -signal.SIGKILL), f"{where}: {kills.passed()} passed"
        deaths += not is_beyond
        crowd.check()
        assert open_stores(world) == placed(world), where
        drained_both(world, back)
        assert world.everything(world.green) == world.everything(world.blue), where
        leave(world)
    assert deaths >= 3, "one run has more rounds than another, but not so few"
    print(f"killed at {deaths} points, back {back}")


@pytest.mark.parametrize("back", [False, True])
def test_killed_at_random_moments(back: bool, make: Any) -> None:
    """By the clock, wherever it is: in a statement, in a COPY, between two regions."""
    dice, took = random.Random(f"{SEED} {back}"), 0.0
    for number in range(31 if WHOLE else 4):
        world = make()
        world.fill(200)
        crowd = Crowd(world, 2)
        if back:
            moved(world)
        with crowd:
            began = time.monotonic()
            mover, after = kills.fork(lambda w=world: go(w, 2, back=back)), dice.uniform(0, took)  # type: ignore[misc]
            ended = kills.strike(mover, after) if number else kills.wait(mover)
            took = took or time.monotonic() - began
            go(world, 3, back=back)
        where = f"after {after:.3f} s, back {back}, seed {SEED}"
        assert ended in (0, -signal.SIGKILL) and bool(ended) <= bool(number), where
        crowd.check()
        assert open_stores(world) == placed(world), where
        drained_both(world, back)
        assert world.everything(world.green) == world.everything(world.blue), where


def drained_both(world: World, back: bool) -> None:
    taken, _ = world.take(9)
    drained(taken if back else taken.reversed())


@dataclass(frozen=True)
class Sleepy(Control):
    """Falls asleep in the commit of `place`: just before it, or when it is done and nobody has been told."""

    when: str = ""

    def place(self, owner: str, epoch: int, expected: Placement) -> bool:
        with self._ours() as db:
            assert self._read(db) == expected
            db.execute(
                "UPDATE placement SET owner = %s, epoch = %s WHERE tenant_id = %s", [owner, epoch, self.tenant_id]
            )
            if self.when == "before":
                os.kill(os.getpid(), signal.SIGSTOP)
        if self.when == "after":
            os.kill(os.getpid(), signal.SIGSTOP)
        return True


@pytest.mark.parametrize("back", [False, True])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_mover_that_slept_in_the_commit_of_the_placement_changes_nothing(world: World, when: str, back: bool) -> None:
    """A second one finishes meanwhile; when the first wakes, it finds that it was overtaken."""
    world.fill(2)
    crowd = Crowd(world, 2)
    taken, control = world.take(1)
    copied(taken)
    if back:
        switch.switch(taken, control, budget_ms=5_000)
        taken = taken.reversed()
    drained(taken)
    asleep = Sleepy(control.arguments, world.id, 1, when)
    with crowd:
        child = kills.fork(lambda: switch.switch(taken, asleep, budget_ms=5_000))
        _, status = os.waitpid(child, os.WUNTRACED)
        assert os.WIFSTOPPED(status), "the commit was not reached"
        at_rest = placed(world)[0]
        assert at_rest[0] == (taken.target if when == "after" else taken.source).name
        go(world, 3, back=back)
        before = placed(world)
        assert before[0][0] == taken.target.name and (before[0] == at_rest) == (when == "after")
        os.kill(child, signal.SIGCONT)
        assert kills.wait(child) == kills.END, "the sleeper did not notice"
        assert placed(world) == before and open_stores(world) == before
    crowd.check()
    drained_both(world, back)
    assert world.everything(world.green) == world.everything(world.blue)


def test_a_mover_that_slept_at_a_commit_changes_nothing(make: Any) -> None:
    for at in kills.sweep(2):
        world = make()
        world.fill(2)
        crowd = Crowd(world, 2)
        child = kills.fork(lambda w=world: go(w, 2), at, signal.SIGSTOP)  # type: ignore[misc]
        _, status = os.waitpid(child, os.WUNTRACED)
        if not os.WIFSTOPPED(status):
            assert kills.passed() < at or not at, f"point {at}"
            continue
        with crowd:
            go(world, 3)
            before = placed(world)
            os.kill(child, signal.SIGCONT)
            ended, was_its_last = kills.wait(child), kills.passed() == at
            assert ended in (1, kills.END) or (ended == 0 and was_its_last), f"point {at}: the sleeper did not notice"
        assert placed(world) == before and open_stores(world) == before
        crowd.check()


def test_a_mover_that_sleeps_behind_a_pipeline_is_ended(world: World) -> None:
    """At its commit, say, with the tenant's writers behind it: the server ends what is idle in a transaction."""
    with prompt(world.green, "mover") as sleeper, connection(world.green, "mover") as other:
        sleeper.execute("SET idle_in_transaction_session_timeout = '100ms'")
        sleeper.execute("BEGIN")
        with sleeper.pipeline():
            sleeper.execute("SELECT 1")
        there = ("SELECT FROM pg_stat_activity WHERE pid = %s", [sleeper.info.backend_pid])
        eventually(lambda: other.execute(*there).fetchone() is None, 10, what="the end of the sleeper's session")
        sleeper.close()


def test_whoever_sleeps_with_a_tenants_lock_is_ended_before_its_writers_give_up(world: World) -> None:
    """Not the mover alone: who suspends a tenant, or shuts a person out of it, has the same limit."""
    with prompt(world.blue, "provisioner") as sleeper:
        sleeper.execute("BEGIN")
        sleeper.execute(LOCK, (world.id,))
        with world.writer(world.blue) as db:
            db.execute("SET LOCAL lock_timeout = '8s'")
            into = "INSERT INTO rag.usage_counters VALUES (%s, 'account', '2026-01-01', 1, 1)"
            assert db.execute(into, [world.id]).rowcount == 1
        sleeper.close()


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
