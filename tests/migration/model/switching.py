"""Step 7 of migration.md: fence, final round, open, set placement, close. Step 8, the way back, is the same."""

from .copying import read
from .faults import Faults
from .standing import Moves, has_lease, is_settled
from .state import BLUE, CLOSED, COLOURS, FENCED, OPEN, Broken, Mover, Scene, World, bit, is_drained, put, put_fence


def fence(world: World, mover: Mover, faults: Faults) -> Moves:
    """7. A fresh epoch for the attempt; then the exclusive lock, or the attempt backs off, which is no step.

    The source becomes the mirror it will be. A successor that finds the fence up may attempt it anew.
    """
    source, control = mover.source, world.control
    row = world.stores[source].fence
    if not (has_lease(world, mover, source) and mover.job == control.job and is_drained(world, source)):
        return
    if row.capture != control.generation or (row.state == OPEN and not is_settled(world)) or row.state == CLOSED:
        return
    fresh = control.counter + 1
    begun = put(world._replace(control=control._replace(counter=fresh)), source, ledger=(control.generation, 0))
    attempt = mover._replace(at="fenced", epoch=fresh, expects=control.epoch)
    if faults.opens_beside:
        yield "mover begins a switch and does not fence", begun, attempt._replace(at="drained", epoch=control.epoch)
    else:
        yield f"mover fences, to switch at epoch {fresh}", put_fence(begun, source, state=FENCED), attempt


def _final_round(world: World, mover: Mover, scene: Scene) -> Moves:
    """7. Inside the fence nothing is written: what is dirty now is all there is, and one round carries it or none."""
    source, faults = world.stores[mover.source], scene.faults
    is_left_out = faults.skips_final_round or (faults.rollback_discards and mover.source != BLUE)
    if faults.places_before_final_round and mover.epoch > world.control.epoch:
        yield from _place(world, mover, scene)
    elif is_left_out or not source.dirty:
        yield "mover finds nothing dirty inside the fence", world, mover._replace(at="drained")
    elif len(source.dirty) > scene.most and not faults.opens_after_part:
        yield "mover finds more inside the fence than a round carries", world, mover._replace(at="tick")
    else:
        yield "mover reads the final round", world, mover._replace(round=read(source, scene))


def _open(world: World, mover: Mover, scene: Scene) -> Moves:
    """7. The target opens at the attempt's epoch, captures already, and knows of the tenant's suspension."""
    target = 1 - mover.source
    status = world.stores[target].fence.status
    if has_lease(world, mover, target) and is_drained(world, target) and status == world.control.status:
        capture = 0 if scene.faults.no_reverse_capture else world.stores[mover.source].fence.capture
        opened = opens(world, target, mover.epoch, capture, scene.faults)
        yield "mover opens the target", opened, mover._replace(at="opened")


def opens(world: World, which: int, epoch: int, capture: int, faults: Faults) -> World:
    """The store accepts writes at this epoch, at which no store ever has."""
    if world.was_open & 1 << epoch and not faults.opens_beside:
        raise Broken("a store reopens at an epoch that was used before", f"{COLOURS[which]} opens")
    changes = {"state": OPEN, "epoch": epoch, "capture": capture}
    if faults.opening_resets_suspension:
        changes["status"] = 0
    return put_fence(world._replace(was_open=world.was_open | 1 << epoch), which, **changes)


def _place(world: World, mover: Mover, scene: Scene) -> Moves:
    """7. The compare-and-set on placement: the only commit point."""
    control, target, faults = world.control, 1 - mover.source, scene.faults
    is_as_expected = (control.owner, control.epoch, control.job) == (mover.source, mover.expects, mover.job)
    if is_as_expected or faults.sets_without_compare:
        placed = control._replace(owner=target, epoch=mover.epoch)
        at = mover.at if faults.places_before_final_round and mover.at == "fenced" else "placed"
        marked = world._replace(control=placed, was_placed=world.was_placed | bit(mover.epoch, target))
        yield "mover sets placement", marked, mover._replace(at=at)


def _close(world: World, mover: Mover, _: Scene) -> Moves:
    """7. After the commit point forward only: the store that does not own is closed, its capture off."""
    other = 1 - world.control.owner
    if has_lease(world, mover, other) and is_drained(world, other):
        closed = put_fence(world, other, state=CLOSED, capture=0)
        yield "mover closes the store that lost", closed, Mover(mover.job)


STAGES = {"fenced": _final_round, "drained": _open, "opened": _place, "placed": _close}
