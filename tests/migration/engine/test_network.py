"""The network goes away while a tenant moves: nobody waits for ever, writers least of all, and nothing is lost."""

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from lifecycle.migration.engine import arm, copy, rounds, switch, verify
from lifecycle.stores.errors import Transient
from lifecycle.stores.postgres import connection as connections
from portal.lib.regions import Region
from tests.sweeps import SEED, WHOLE

from . import kills
from .conftest import World, copied, drained
from .link import Link
from .test_kills import open_stores, placed
from .writers import Crowd

SIDES = ("green", "blue")


@pytest.fixture
def link() -> Iterator[Callable[[Region], Link]]:
    """Makes networks between a mover and a region."""
    made: list[Link] = []

    def link(region: Region) -> Link:
        made.append(Link(region))
        return made[-1]

    yield link
    for one in made:
        one.close()


@pytest.fixture
def linked(world: World, link: Callable[[Region], Link]) -> Callable[[str], tuple[World, Link]]:
    """The world as a mover sees it that has a network between it and one side."""

    def linked(side: str) -> tuple[World, Link]:
        made = link(getattr(world, side))
        return replace(world, **{side: made.region}), made

    return linked


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


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("how", ["hold", "drop"])
def test_a_cut_anywhere_in_the_switch_leaves_the_tenant_open(
    make: Callable[[], World],
    sides: tuple[Region, Region],
    link: Callable[[Region], Link],
    impatient: None,
    side: str,
    how: str,
) -> None:
    """At every round trip of it, before and beyond the commit point, until switches reach their end uncut.

    While green is out of reach blue takes writes; while blue is, until it is back. Then the move ends.
    """
    network, owners = link(dict(zip(("blue", "green"), sides, strict=True))[side]), set()
    for at in kills.sweep(3, lambda: network.passed):
        world, where = make(), f"{how} at trip {at} to {side}, seed {SEED}"
        far = replace(world, **{side: network.region})
        world.fill(3)
        taken, control = far.take(1)
        copied(taken)
        drained(taken)
        with Crowd(world, 2) as crowd, again_open(world, network):
            network.at(at, getattr(network, how))
            with suppress(Transient):
                switch.switch(taken, control, budget_ms=2_000)
            owner = placed(world)[0]
            if side == "green":
                assert owner in open_stores(world), where
            network.heal()
            if 0 < at <= network.passed:
                owners.add(owner[0])
            taken, control = far.take(2)
            is_there = at_last(partial(switch.recover, taken, control))
            assert open_stores(world) == placed(world), where
            if not is_there:
                at_last(partial(switch.switch, taken, control, budget_ms=2_000))
        crowd.check()
        assert open_stores(world) == placed(world) and placed(world)[0][0] == world.green.name, where
        drained(far.take(3)[0].reversed())
        assert world.everything(world.green) == world.everything(world.blue), where
    assert owners, "nothing was cut"
    if WHOLE and side == "blue":
        assert owners == {region.name for region in sides}, "before the commit point, and beyond it"


@pytest.mark.skipif(not WHOLE, reason="it takes minutes; those above take the limits shorter")
@pytest.mark.parametrize("side", SIDES)
def test_two_minutes_without_a_network_at_the_limits_of_the_product(world: World, linked: Any, side: str) -> None:
    """In the middle of the switch; the worker tries again and again, and while green is away blue takes writes."""
    far, link = linked(side)
    world.fill(3)
    taken, control = far.take(1)
    copied(taken)
    drained(taken)
    at, attempts = random.Random(f"{SEED}{side}").randint(2, 12), 0
    with Crowd(world, 2) as crowd, again_open(world, link):
        link.at(at, link.hold)
        ends = time.monotonic() + 120
        while time.monotonic() < ends:
            attempts += 1
            with pytest.raises(Transient):
                switch.switch(taken, control, budget_ms=2_000)
            if side == "green":
                assert [region for region, _ in open_stores(world)] == [world.blue.name], f"trip {at}, seed {SEED}"
        link.heal()
        taken, control = far.take(2)
        at_last(partial(switch.recover, taken, control))
        drained(taken)
        at_last(partial(switch.switch, taken, control, budget_ms=2_000))
    crowd.check()
    assert open_stores(world) == placed(world) and placed(world)[0][0] == world.green.name
    assert verify.verify(taken.reversed()).ok
    print(f"{attempts} attempts in two minutes, {crowd.written} writes")


def at_last(turn: Callable[[], Any]) -> Any:
    """Turn after turn, as a job's: a pool that was refused for a while tries again only after a pause of its own."""
    for _ in range(5):
        with suppress(Transient):
            return turn()
    return turn()


@contextmanager
def again_open(world: World, link: Link) -> Iterator[None]:
    """Whatever fails inside, writers come to an end."""
    try:
        yield
    except BaseException:
        link.heal()
        switch.abort(*world.take(1000))
        raise
