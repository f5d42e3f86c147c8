"""The network goes away while a tenant moves: nobody waits for ever, writers least of all, and nothing is lost."""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any

import pytest

from lifecycle.migration.engine import arm, copy, rounds, switch, verify
from lifecycle.stores.errors import Transient
from lifecycle.stores.postgres import connection as connections
from tests.sweeps import SEED, WHOLE

from .conftest import World, copied, drained
from .link import Link
from .test_kills import open_stores, placed
from .writers import Crowd

SIDES = ("green", "blue")


@pytest.fixture
def linked(world: World) -> Iterator[Callable[..., tuple[World, Link]]]:
    """The world as a mover sees it that has a network between it and one side."""
    made: list[Link] = []

    def link(side: str, **figures: float) -> tuple[World, Link]:
        made.append(Link(getattr(world, side), **figures))
        return replace(world, **{side: made[-1].region}), made[-1]

    yield link
    for one in made:
        one.close()


@pytest.fixture
def impatient(monkeypatch: Any) -> None:
    """Minutes pass in a second."""
    monkeypatch.setattr(connections.Limited, "patience", 1.0)
    for limit, seconds in {"LONG": 1.0, "GRACE": 1.0, "POOL": 5.0, "SOON": 1.0}.items():
        monkeypatch.setattr(connections, limit, seconds)
    monkeypatch.setattr(switch, "SOON", 1.0)


@pytest.mark.parametrize("purpose", ["mover", "verifier"])
def test_every_wait_has_an_end_on_both_sides(world: World, purpose: str) -> None:
    with connections.connection(world.blue, purpose) as db:
        ours = db.info.get_parameters()
        assert {"connect_timeout", "keepalives_idle", "keepalives_count", "tcp_user_timeout"} <= ours.keys()
        for theirs in ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout", "tcp_user_timeout",
                       "tcp_keepalives_idle"):  # fmt: skip
            assert db.execute(f"SHOW {theirs}").fetchone() not in (None, ("0",)), theirs
        assert db.patience > 30


def test_a_silent_side_is_given_up_and_comes_back(linked: Any, impatient: None) -> None:
    world, link = linked("green")
    for purpose in ("mover", "verifier"):
        with connections.connection(world.green, purpose) as db:
            db.execute("SELECT 1")
    link.hold()
    for purpose in ("mover", "verifier"):
        for reach in (connections.connection, connections.prompt):
            with pytest.raises(Exception, match=r"no answer|timeout|couldn't get"), reach(world.green, purpose) as db:
                db.execute("SELECT 1")
    link.heal()
    for purpose in ("mover", "verifier"):
        with connections.connection(world.green, purpose) as db:
            assert db.execute("SELECT 1").fetchone() == (1,)


STAGES: dict[str, Callable[[Any], Any]] = {
    "copy": lambda taken: (copy.plan(taken), copy.copy_some(taken)),
    "round": rounds.round,
    "verification": verify.verify,
}


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("stage", STAGES)
def test_a_cut_ends_a_piece_of_work_and_the_next_one_finishes(
    world: World, linked: Any, impatient: None, side: str, stage: str
) -> None:
    """Silent and broken links, at a place drawn by the seed."""
    far, link = linked(side)
    world.fill(3)
    taken, _ = far.take(1)
    arm.arm(taken)
    if stage != "copy":
        copied(taken)
        world.fill(2)
    dice = random.Random(f"{SEED}{side}{stage}")
    with Crowd(world, 2) as crowd:
        for cut in (link.hold, link.drop):
            at = dice.randint(2, 9)
            link.at(at, cut)
            with pytest.raises(Transient):
                for _ in range(20):  # until it comes so far
                    STAGES[stage](taken)
                    world.fill(1)
                    copy.plan(taken)
            assert open_stores(world) == placed(world), f"trip {at}, seed {SEED}"
            link.heal()
            taken, _ = far.take(taken.job_epoch + 1)
    copied(taken)
    drained(taken)
    crowd.check()
    assert verify.verify(taken).ok


def trips(of: range) -> list[int]:
    return list(of) if WHOLE else sorted(random.Random(SEED).sample(list(of), 3))


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("how", ["hold", "drop"])
def test_a_cut_anywhere_in_the_switch_leaves_the_tenant_open(
    world: World, linked: Any, impatient: None, side: str, how: str
) -> None:
    """While green is out of reach blue takes writes; while blue is, until it is back. Then the move ends."""
    far, link = linked(side)
    world.fill(3)
    taken, control = far.take(1)
    copied(taken)
    drained(taken)
    with Crowd(world, 2) as crowd, again_open(world, link):
        for at in trips(range(1, 40)):
            link.at(at, getattr(link, how))
            with suppress(Transient):
                switch.switch(taken, control, budget_ms=2_000)
            if side == "green":
                assert placed(world)[0] in open_stores(world), f"{how} at trip {at}, seed {SEED}"
            link.heal()
            taken, control = far.take(taken.job_epoch + 1)
            is_there = switch.recover(taken, control)
            assert open_stores(world) == placed(world), f"{side} {how} at trip {at}, seed {SEED}"
            if is_there:
                break
        switch.switch(taken, control, budget_ms=2_000)
    crowd.check()
    assert open_stores(world) == placed(world) and placed(world)[0][0] == world.green.name
    drained(far.take(99)[0].reversed())
    assert world.everything(world.green) == world.everything(world.blue)


@contextmanager
def again_open(world: World, link: Link) -> Iterator[None]:
    """Whatever fails inside, writers come to an end."""
    try:
        yield
    except BaseException:
        link.heal()
        switch.abort(*world.take(1000))
        raise
