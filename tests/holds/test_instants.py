"""A hold at random instants of a deletion of 50,000 rows: what is there when it commits is there in the end.

Each path by which rows go is tried; a sample of rounds by the seed, or with BAILIWICK_SWEEPS=all a hundred of each.
"""

import random
from collections.abc import Callable, Iterator

import pytest

from lifecycle.erasure.engine.rows import Rows
from lifecycle.stores.errors import Held
from lifecycle.stores.postgres import fences, rows
from portal.embedded.stack import Stack
from portal.lib.regions import Region
from tests.erasure.made import Settled, settle, unsettle
from tests.holds.amid import COUNT, FILL, ROWS, hold_amid
from tests.holds.test_raw import as_
from tests.sweeps import SEED, WHOLE

STEP = 2_500
TURNS, ROUNDS = (10, 10) if WHOLE else (1, 2)
SOME = """
DELETE FROM rag.query_history
WHERE ctid = ANY (ARRAY(SELECT ctid FROM rag.query_history WHERE tenant_id = %s LIMIT %s))
"""
Path = Callable[[Settled, Stack], Callable[[], object]]


def erasure(of: Settled, stack: Stack) -> Callable[[], object]:
    """Also what takes down a store that a tenant has left: tests.retiring has that whole."""
    target, eraser = of.target(), Rows(of.region)
    eraser.list_into_items(target)
    return lambda: eraser.erase(target, lambda number: None)


def roll_back(of: Settled, stack: Stack) -> Callable[[], object]:
    return lambda: rows.remove(of.region, tenant_id=of.id, role=of.names.role)


def by_hand(who: str) -> Path:
    def begin(of: Settled, stack: Stack) -> Callable[[], object]:
        def delete() -> None:
            with as_(who, of, stack) as db:
                while db.execute(SOME, (of.id, STEP)).rowcount:
                    pass

        return delete

    return begin


PATHS: dict[str, Path] = {
    "erasure": erasure,
    "roll-back": roll_back,
    "platform": by_hand("tenant"),
    "superuser": by_hand("superuser"),
}


@pytest.fixture
def settled(region: Region) -> Iterator[Settled]:
    made = settle(region)
    yield made
    unsettle(made)


@pytest.mark.parametrize("turn", range(TURNS))
@pytest.mark.parametrize("path", PATHS)
def test_what_is_there_when_a_hold_commits_is_there_in_the_end(
    settled: Settled, stack: Stack, path: str, turn: int
) -> None:
    chance, met = random.Random(f"{SEED} {path} {turn}"), 0
    for number in range(ROUNDS):
        settled.write(FILL, settled.id, ROWS - settled.ask(COUNT, settled.id)[0])
        destroy = PATHS[path](settled, stack)
        until = round(chance.uniform(0.1, 1) * ROWS)
        at_commit, ended = hold_amid(settled.region, settled.id, stack, destroy, until, chance)
        assert settled.ask(COUNT, settled.id) == [at_commit], (number, SEED, ended)
        assert is_refused(ended) or (ended, at_commit) == (None, 0), (number, SEED, ended)
        met += is_refused(ended)
        assert fences.set_hold(settled.region, settled.id, False, fences.hold_of(settled.region, settled.id)[1] + 1)
    assert met, "no hold came amid"
    destroy()
    assert settled.ask(COUNT, settled.id) == [0], "what was stopped goes on once it is released"


def is_refused(error: BaseException | None) -> bool:
    return isinstance(error, Held) or getattr(error, "sqlstate", None) == "55BWH"
