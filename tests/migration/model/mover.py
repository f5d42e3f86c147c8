"""The mover: what one incarnation may do next, between two commits.

Nothing is written twice for the way back: the source is whoever owns, the target is the other. A mover that sleeps is
one whose next step comes late; one that died is one whose next step never comes. Its successor is in watchdog.py.
Pausing is not ticking. Every step that writes asks the store, or control, for the lease in the same transaction.
"""

from . import comparing
from .copying import arm, cancel, commit_chunk, freeze, go_on_with_round, read_chunk, read_round
from .standing import Moves, is_mirror, is_open_as_placed, is_settled
from .state import Mover, Scene, World
from .switching import STAGES, fence


def moves(world: World, mover: Mover, scene: Scene) -> Moves:
    """What this incarnation may do next: the label, the world without it, and itself afterwards."""
    if mover.round:
        yield from go_on_with_round(world, mover, scene.faults)
    if mover.chunk:
        yield from commit_chunk(world, mover, scene.faults)
    if mover.at == "tick":
        yield from _tick(world, mover, scene)
    elif mover.at == "carried":
        yield from comparing.note_carried(world, mover)
    elif mover.at in STAGES and not mover.round:
        yield from STAGES[mover.at](world, mover, scene)


def _tick(world: World, mover: Mover, scene: Scene) -> Moves:
    source = world.control.owner
    mover = mover._replace(source=source)
    is_free = not (mover.chunk or mover.round)
    if is_settled(world):
        if is_free:
            yield from arm(world, mover, scene.faults)
            yield from cancel(world, mover, scene)
            yield from freeze(world, mover, scene.faults)
            yield from comparing.ask(world, mover, scene)
            yield from comparing.go_on(world, mover, scene)
        yield from read_chunk(world, mover, scene.faults)
        if not comparing.is_awaited(world):
            yield from read_round(world, mover, scene)
    elif is_open_as_placed(world):
        yield "mover finds the commit point passed", world, mover._replace(at="placed")
    if is_free and is_mirror(world) and world.comparison is None and world.control.counter < scene.epochs:
        yield from fence(world, mover, scene.faults)
