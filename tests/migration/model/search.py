"""Breadth first through every moment that can be: the first counterexample found is a shortest one."""

import gc
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from . import comparing, invariants, watchdog, writer
from .state import Broken, Scene, World, start


@dataclass(frozen=True)
class Found:
    """What a search saw: how many moments, and the steps to the first that breaks an invariant, if one does."""

    states: int
    broken: str = ""
    trace: tuple[str, ...] = ()
    labels: frozenset[str] = frozenset()

    def __str__(self) -> str:
        steps = "".join(f"\n  {number:2}. {label}" for number, label in enumerate(self.trace, 1))
        return f"{self.states:,} states: {self.broken or 'every invariant holds'}{steps}"


def search(scene: Scene) -> Found:
    """All of the scene."""
    gc.disable()  # a million tuples and not one cycle
    try:
        return _search(scene)
    finally:
        gc.enable()


def _search(scene: Scene) -> Found:
    first = start()
    came: dict[World, tuple[World, str] | None] = {first: None}
    ahead, rested, labels = deque([first]), set(), set()
    while ahead:
        world = ahead.popleft()
        try:
            at_rest = (world.stores, world.control, world.truth, world.was_placed, world.was_open)
            if at_rest not in rested:
                rested.add(at_rest)
                invariants.check_rest(world, scene)
            for label, after in steps(world, scene):
                labels.add(label)
                if after not in came:
                    came[after] = (world, label)
                    ahead.append(after)
                    invariants.check(after)
        except Broken as broken:
            return Found(len(came), str(broken), (*_trace(came, world), *(broken.steps or [label])))
    return Found(len(came), labels=frozenset(labels))


def _trace(came: dict[World, tuple[World, str] | None], world: World) -> Iterator[str]:
    labels = []
    while step := came[world]:
        world, label = step
        labels.append(label)
    return reversed(labels)


def steps(world: World, scene: Scene) -> Iterator[tuple[str, World]]:
    """Everything that anybody may do next."""
    yield from writer.steps(world, scene)
    for label, after, holder in watchdog.moves(world, world.mover, scene):
        yield label, after._replace(mover=holder)
    if world.zombie:
        for label, after, holder in watchdog.moves(world, world.zombie, scene):
            invariants.check_zombie(world, after, f"zombie: {label}")
            yield f"zombie: {label}", after._replace(zombie=holder)
    if world.control.job < scene.jobs:
        yield "another takes the lease over", watchdog.takes_over(world)
    yield from watchdog.suspensions(world, scene)
    yield from comparing.holding(world, scene)
