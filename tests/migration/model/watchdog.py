"""The watchdog, and whoever takes the lease over: raise job_epoch, have it acknowledged, then abort or go on.

The incarnation before is not told: it is the zombie, and wakes whenever it likes. An abort never asks which colour a
store has, it asks placement. Suspension is here too, since it needs no lease and wins over everybody who has one.
"""

from collections.abc import Iterator

from . import mover as moving
from .faults import Faults
from .standing import Moves, has_lease, is_open_as_placed
from .state import BLUE, CLOSED, COLOURS, Mover, Scene, World, bit, is_drained, put, put_fence
from .switching import opens


def takes_over(world: World) -> World:
    """D3: job_epoch is raised in control; no store knows yet. A zombie from before the last one is forgotten."""
    job = world.control.job + 1
    control = world.control._replace(job=job)
    return world._replace(control=control, mover=Mover(job, at="joining"), zombie=world.mover)


def moves(world: World, mover: Mover, scene: Scene) -> Moves:
    """What the holder of a lease may do: join, abort an attempt that another one has begun, then move."""
    if mover.at == "joining":
        yield from _join(world, mover)
        if has_lease(world, mover, world.control.owner) and not is_open_as_placed(world):
            yield from _abort(world, mover, scene.faults)
    elif mover.at == "tick" and not is_open_as_placed(world):
        yield from _abort(world, mover, scene.faults)
    elif mover.at == "aborting":
        yield from _close_other(world, mover)
    elif mover.at == "reopening":
        yield from _reopen(world, mover, scene.faults)
    yield from moving.moves(world, mover, scene)


def _join(world: World, mover: Mover) -> Moves:
    """D3: set-if-greater in each store; before both have it, the new holder only gives the tenant back."""
    behind = [which for which, store in enumerate(world.stores) if store.job < mover.job]
    if not behind:
        yield "the new holder is acknowledged", world, mover._replace(at="tick")
    for which in behind[:1]:
        yield f"the new job_epoch reaches {COLOURS[which]}", put(world, which, job=mover.job), mover


def _abort(world: World, mover: Mover, faults: Faults) -> Moves:
    """Abort, 1: compare-and-set placement to the same owner at a fresh epoch."""
    control = world.control
    if mover.job != control.job:
        return
    owner, fresh = BLUE if faults.aborts_by_colour else control.owner, control.counter + 1
    if faults.reopens_at_old_epoch:
        yield "watchdog aborts", world, mover._replace(at="aborting", source=owner)
        return
    placed = control._replace(owner=owner, epoch=fresh, counter=fresh)
    marked = world._replace(control=placed, was_placed=world.was_placed | bit(fresh, owner))
    yield f"watchdog aborts, at epoch {fresh}", marked, mover._replace(at="aborting", source=owner)


def _close_other(world: World, mover: Mover) -> Moves:
    """Abort, 2: the store that does not own is closed, its capture off: now, or before anything flows again."""
    other = 1 - mover.source
    if has_lease(world, mover, other) and is_drained(world, other):
        closed = put_fence(world, other, state=CLOSED, capture=0)
        yield "watchdog closes the store that does not own", closed, mover._replace(at="reopening")
    yield "watchdog does not reach the store that does not own", world, mover._replace(at="reopening")


def _reopen(world: World, mover: Mover, faults: Faults) -> Moves:
    """Abort, 3: the owner opens at that epoch, its capture left as it is."""
    owner, epoch = mover.source, world.control.epoch
    if has_lease(world, mover, owner) and is_drained(world, owner):
        opened = opens(world, owner, epoch, world.stores[owner].fence.capture, faults)
        at = "tick" if has_lease(world, mover, 1 - owner) else "joining"
        yield "watchdog opens the owner", opened, Mover(mover.job, at)


def suspensions(world: World, scene: Scene) -> Iterator[tuple[str, World]]:
    """Suspended and taken back in control; then each store, set-if-greater, under the exclusive lock."""
    status = world.control.status
    if status < scene.statuses:
        raised = world.control._replace(status=status + 1)
        yield f"the tenant's status is {status + 1}", world._replace(control=raised)
    for which, store in enumerate(world.stores):
        if store.fence.status < status and is_drained(world, which):
            yield f"status {status} reaches {COLOURS[which]}", _tell(world, which)


def _tell(world: World, which: int) -> World:
    status = world.control.status
    return put(put_fence(world, which, status=status), which, was_status=status)
