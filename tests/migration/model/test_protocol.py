"""The protocol that moves a live tenant holds in every interleaving, and the search would have noticed if not.

`make test` searches small scenes whole, with writes drawn by a printed seed; `BAILIWICK_SWEEPS=all` gives the clients
more to write. That max(key) is frozen at all is about ending, not about safety: a search of moments does not see it.
"""

import random

import pytest

from tests.sweeps import SEED
from tests.sweeps import WHOLE as SWEEP

from . import faults
from .search import search
from .state import Scene

DELETE, INSERT = (0, 0), (1, 4)
SHORT = ((DELETE,), (INSERT,))
LONG = (((0, 2), (1, 3)), (INSERT, DELETE))
MIXED = (((0, 2), (1, 3)), (INSERT,))
WHOLE = (
    Scene("there, and somebody dies or sleeps", LONG, jobs=2),
    Scene("there and back and there", MIXED, epochs=4, jobs=2),
    Scene("two die or sleep on the way there and back", SHORT, epochs=3, jobs=3),
    Scene("cancelled and begun anew", SHORT, epochs=3, jobs=2, generations=2),
    Scene("suspended and taken back meanwhile", SHORT, epochs=3, jobs=2, statuses=2),
    Scene("a round carries less than is written", MIXED, epochs=3, jobs=2, most=1),
    Scene("compared in snapshots whose holder dies", SHORT, epochs=3, jobs=2, comparisons=1, losses=1),
)
SAMPLED = (
    Scene("there and back and there", SHORT, epochs=4, jobs=2),
    Scene("two die or sleep on the way", SHORT, jobs=3),
    Scene("cancelled and begun anew", SHORT, jobs=2, generations=2),
    Scene("suspended meanwhile", SHORT, jobs=2, statuses=1),
    Scene("a round carries less than is written", SHORT, jobs=2, most=1),
    Scene("compared in snapshots whose holder dies", SHORT, jobs=2, comparisons=1, losses=1),
)
WIDENING = (
    Scene("there", SHORT),
    Scene("there, and somebody dies or sleeps", SHORT, jobs=2),
    Scene("there and back", SHORT, epochs=3),
    Scene("cancelled and begun anew", SHORT, generations=2),
    Scene("suspended meanwhile", SHORT, statuses=1),
    Scene("a round carries less than is written", MIXED, most=1),
    Scene("compared in held snapshots", SHORT, comparisons=1, losses=1),
)


def drawn(scene: Scene) -> Scene:
    """The scene with one write for each client, by the seed."""
    seed = SEED
    print(f"BAILIWICK_SEED={seed}")
    draw = random.Random(seed)
    scripts = ((draw.choice((DELETE, (0, 2), (1, 3))),), (draw.choice((DELETE, INSERT, (0, 5))),))
    return Scene(**vars(scene) | {"scripts": scripts})


@pytest.mark.parametrize("scene", WHOLE if SWEEP else SAMPLED, ids=lambda scene: scene.name)
def test_every_interleaving_keeps_the_invariants(scene: Scene) -> None:
    scene = scene if SWEEP else drawn(scene)
    found = search(scene)
    print(scene.name, scene.scripts, found)
    assert not found.broken, str(found)
    assert found.states > 1_000


@pytest.mark.parametrize("name", faults.NAMES)
def test_a_mistake_is_found_with_its_shortest_way(name: str) -> None:
    for scene in WIDENING:
        found = search(Scene(**vars(scene) | {"faults": faults.only(name)}))
        if found.broken:
            return print(name, "·", scene.name, "·", found)
    pytest.fail(f"{name}: no scene shows what it breaks")


def test_the_search_comes_to_the_far_ends() -> None:
    """A step that nothing leads to would make every invariant hold."""
    labels = search(SAMPLED[0]).labels
    assert {
        "mover fences, to switch at epoch 4",
        "watchdog opens the owner",
        "watchdog does not reach the store that does not own",
        "zombie: mover opens the target",
    } <= labels
    assert {"writer 1 meets another fence row", "mover deletes the round's dirty entries"} <= labels
    assert "mover finds more inside the fence than a round carries" in search(SAMPLED[-2]).labels
    assert {
        "mover reads a round as of the held snapshot",
        "mover finds that its snapshot is not the last",
        "mover finds a snapshot gone",
        "green restarts and gives the name to another snapshot",
        "mover concludes that both sides are alike",
    } <= search(WIDENING[-1]).labels
