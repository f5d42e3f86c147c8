"""How things stand: who has the lease, what placement and the fence rows say together, what the ledger claims."""

from collections.abc import Iterator

from .faults import Faults
from .state import CLOSED, OPEN, Mover, World

Moves = Iterator[tuple[str, World, Mover]]  # the label, the world but for who moves, and who moves


def has_lease(world: World, mover: Mover, which: int) -> bool:
    """The store's own job_epoch, under its row lock, in the transaction that is about to write."""
    return mover.job == world.stores[which].job


def may_write_target(world: World, mover: Mover, faults: Faults) -> bool:
    return has_lease(world, mover, 1 - mover.source) or faults.no_lease_at_green


def is_settled(world: World) -> bool:
    """The owner is open where placement says, and the other is closed."""
    return is_open_as_placed(world) and world.stores[1 - world.control.owner].fence.state == CLOSED


def is_open_as_placed(world: World) -> bool:
    fence = world.stores[world.control.owner].fence
    return fence.state == OPEN and fence.epoch == world.control.epoch


def is_mirror(world: World) -> bool:
    """By the ledger, the other store has been copied whole, and capture has been on ever since."""
    return world.stores[1 - world.control.owner].ledger == (world.control.generation, 0)
