"""Step 5 of migration.md: both sides compared range by range, in two snapshots that a process of its own holds.

Control notes what each snapshot shows; a name is all that leads to it, and there is one name in this model. The process
may die with both, a server may restart and give the name to another one. Who compares may die, too: what was found is
kept under the job's epoch, and the next one goes on. Waits of a job that is verifying are no steps: between the round
as of the source's snapshot and the target's snapshot nobody begins another round.
"""

from collections.abc import Iterator

from .faults import Faults
from .standing import Moves, has_lease, is_mirror
from .state import COLOURS, Broken, Comparison, Mover, Round, Scene, Snap, World, put

BOTH = 0b11


def ask(world: World, mover: Mover, scene: Scene) -> Moves:
    """A job asks for a comparison of two whole sides, once nothing of its own is under way."""
    if world.comparison is None and world.asked < scene.comparisons and is_mirror(world) and _may_note(world, mover):
        asked = world._replace(comparison=Comparison(world.control.generation), asked=world.asked + 1)
        yield "mover asks for a comparison", asked, mover


def go_on(world: World, mover: Mover, scene: Scene) -> Moves:
    """The round as of the source's snapshot, then range after range; void where a snapshot is gone."""
    found, target = world.comparison, 1 - mover.source
    if found is None or found.mine is None or not _may_note(world, mover):
        return
    mine = _imported(world, mover.source, found.mine, scene.faults)
    theirs = _imported(world, target, found.theirs, scene.faults) if found.theirs else None
    if mine is None or (found.theirs and theirs is None):
        yield "mover finds a snapshot gone", ended(world), mover
    elif not found.is_carried:
        yield from _carry(world, mover, mine, scene)
    elif theirs:
        yield from _compare(world, mover, found, mine, theirs)


def _carry(world: World, mover: Mover, mine: Snap, scene: Scene) -> Moves:
    """Behind a round of a later snapshot this one would bring old rows, or find the target beyond it."""
    is_stale = world.comparison is not None and world.comparison.is_passed and not scene.faults.accepts_stale_round
    if len(mine.dirty) > scene.most or is_stale:
        yield "mover finds that its snapshot is not the last", ended(world), mover
    elif mine.dirty:
        held = Round("read", mine.dirty, mine.rows, True, is_held=True)
        yield "mover reads a round as of the held snapshot", world, mover._replace(round=held)
    else:
        yield "mover finds nothing to bring as of the held snapshot", world, mover._replace(at="carried")


def note_carried(world: World, mover: Mover) -> Moves:
    """In control, by the holder of the lease alone: any other finds it not carried, and asks whether it is the last."""
    if world.comparison and mover.job == world.control.job:
        carried = world._replace(comparison=world.comparison._replace(is_carried=True))
        yield "mover notes that the held snapshot is carried", carried, mover._replace(at="tick")


def _compare(world: World, mover: Mover, found: Comparison, mine: Snap, theirs: Snap) -> Moves:
    """One key is a range. The two snapshots are of one moment, so whatever is found unlike was read elsewhere."""
    for key in (0, 1):
        if found.done & (1 << key):
            continue
        if mine.rows[key] != theirs.rows[key]:
            raise Broken("a comparison finds unlike what is alike", f"mover compares range {key}")
        done = found._replace(done=found.done | 1 << key)
        yield f"mover compares range {key}", world._replace(comparison=done), mover
        return
    yield "mover concludes that both sides are alike", ended(world), mover


def holding(world: World, scene: Scene) -> Iterator[tuple[str, World]]:
    """What the process does that holds the snapshots: it gives them, and it may die, or a server restarts under it."""
    found, source = world.comparison, world.control.owner
    if found is None:
        return
    if found.mine is None:
        snap = _now(world, source)
        given = put(world, source, exported=snap)
        yield "holder gives the source's snapshot", given._replace(comparison=found._replace(mine=snap))
        return
    is_alive = world.stores[source].exported == found.mine
    if found.theirs is None and is_alive and (found.is_carried or scene.faults.gives_target_early):
        yield "holder gives the target's snapshot", _give_target(world, found, 1 - source)
    if world.lost < scene.losses:
        yield "holder dies", _dropped(world)._replace(lost=world.lost + 1)
        for which in (source, 1 - source):
            if world.stores[which].exported:
                other = put(world, which, exported=_now(world, which))
                yield (
                    f"{COLOURS[which]} restarts and gives the name to another snapshot",
                    other._replace(lost=world.lost + 1),
                )


def _give_target(world: World, found: Comparison, target: int) -> World:
    assert found.mine
    snap = _now(world, target)
    if snap.rows != found.mine.rows:
        raise Broken("the two snapshots of a comparison are not of one moment", "holder gives the target's snapshot")
    return put(world, target, exported=snap)._replace(comparison=found._replace(theirs=snap))


def is_awaited(world: World) -> bool:
    """The target has what the source's snapshot shows, and has not been looked at: nothing else may come there."""
    found = world.comparison
    return found is not None and found.is_carried and found.theirs is None


def ended(world: World) -> World:
    """Concluded or void: what was found is used, or nothing of it is."""
    return _dropped(world)._replace(comparison=None)


def _dropped(world: World) -> World:
    return put(put(world, 0, exported=None), 1, exported=None)


def _now(world: World, which: int) -> Snap:
    store = world.stores[which]
    return Snap(store.rows, store.dirty)


def _imported(world: World, which: int, noted: Snap, faults: Faults) -> Snap | None:
    """What the name leads to, believed only if it shows what was noted."""
    exported = world.stores[which].exported
    return exported if exported == noted or faults.believes_names else None


def _may_note(world: World, mover: Mover) -> bool:
    is_ours = mover.job == world.control.job and has_lease(world, mover, mover.source)
    return is_ours and not (mover.round or mover.chunk)
