"""The control database is lost at the commit point, before or after: one owner, whoever clears up, and nothing lost."""

import threading
from dataclasses import dataclass

import pytest

from lifecycle.migration.engine import switch
from lifecycle.migration.engine.move import Overtaken, Placement
from lifecycle.stores.errors import Permanent, Transient

from .conftest import Control, World, copied, drained
from .test_kills import drained_both, open_stores, placed
from .writers import Crowd


@dataclass
class Line:
    """Between mover and control; `breaks` is when: before the commit is asked for, or after it is done."""

    breaks: str
    is_broken: bool = False

    def check(self) -> None:
        if self.is_broken:
            raise Transient("control", "reach", "no route to host")


@dataclass(frozen=True)
class Distant(Control):
    """Control behind a line that breaks at the commit point and stays broken until it is mended."""

    line: Line = None  # type: ignore[assignment]

    def placement(self) -> Placement:
        self.line.check()
        return super().placement()

    def fresh_epoch(self) -> int:
        self.line.check()
        return super().fresh_epoch()

    def place(self, owner: str, epoch: int, expected: Placement) -> bool:
        self.line.check()
        if self.line.breaks == "before":
            self.line.is_broken = True
            self.line.check()
        done = super().place(owner, epoch, expected)
        self.line.is_broken = True
        self.line.check()
        return done


@pytest.mark.parametrize("back", [False, True])
@pytest.mark.parametrize("breaks", ["before", "after"])
def test_control_is_lost_at_the_commit_point(world: World, breaks: str, back: bool) -> None:
    world.fill(3)
    crowd = Crowd(world, 2)
    taken, control = world.take(1)
    copied(taken)
    if back:
        switch.switch(taken, control, budget_ms=5_000)
        taken = taken.reversed()
    drained(taken)
    with crowd:
        line = Line(breaks)
        with pytest.raises(Transient, match="no route"):
            switch.switch(taken, Distant(control.arguments, world.id, 1, line), budget_ms=5_000)
        assert placed(world)[0][0] == (taken.source if breaks == "before" else taken.target).name
        before = placed(world)
        cleared_up_by_two(world, back)
        assert open_stores(world) == placed(world)
        assert placed(world)[0][0] == before[0][0], "who clears up changes the epoch, not the owner"
        again, control = world.take(5)
        switch.switch(again.reversed() if back else again, control, budget_ms=5_000)
    crowd.check()
    drained_both(world, back)
    assert world.everything(world.green) == world.everything(world.blue)


def cleared_up_by_two(world: World, back: bool) -> None:
    """A watchdog and a second worker at once: the later one has the last word, the earlier one is refused or done."""
    watchdog, worker = world.take(2), world.take(3)
    acts = [
        lambda: switch.abort(*watchdog),
        lambda: switch.recover(worker[0].reversed() if back else worker[0], worker[1]),
    ]
    refused: list[BaseException] = []

    def one(number: int) -> None:
        try:
            acts[number]()
        except (Overtaken, Permanent, Transient) as error:
            refused.append(error)

    threads = [threading.Thread(target=one, args=[number]) for number in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert all(isinstance(error, Overtaken) for error in refused), refused
