"""What holds in every moment, and in every moment after everybody has died and the watchdog has cleared up."""

from . import watchdog
from .standing import is_mirror, is_settled
from .state import COLOURS, OPEN, Broken, Scene, World, Writer, bit


def check(world: World) -> None:
    """Raises Broken with the invariant that does not hold now. Others are where the step is that could break them."""
    blue, green = world.stores
    if world.stores[world.control.owner].rows != world.truth:
        raise Broken("what the owner holds is not the acknowledged history")
    if blue.fence.state == green.fence.state == OPEN:
        if blue.fence.epoch == green.fence.epoch:
            raise Broken("two stores are open at one epoch")
        if all(world.was_placed & bit(store.fence.epoch, which) for which, store in enumerate(world.stores)):
            raise Broken("two stores accept writes at epochs that routers may hold")
    if is_mirror(world) and blue.rows != green.rows:
        dirty = {key for _, key in world.stores[world.control.owner].dirty}
        if any(blue.rows[key] != green.rows[key] and key not in dirty for key in (0, 1)):
            raise Broken("a row differs and is not dirty: no round will ever carry it")


def check_zombie(before: World, after: World, label: str) -> None:
    """A mover whose successor has reached a store changes nothing there, nor in control at any time."""
    assert before.zombie
    if after.control != before.control:
        raise Broken("a zombie has changed control", label)
    for which, store in enumerate(before.stores):
        if store.job > before.zombie.job and after.stores[which] != store:
            raise Broken(f"a zombie has committed on {COLOURS[which]}", label)


def check_rest(world: World, scene: Scene) -> None:
    """Everybody dies where they are; a watchdog comes, and leaves exactly one store open, the owner, with all in it."""
    world = watchdog.takes_over(world._replace(writers=(Writer(), Writer())))._replace(zombie=None)
    labels = ["everybody dies, and a watchdog comes"]
    try:
        while not (is_settled(world) and world.mover.at == "tick"):
            assert len(labels) < 20, labels
            label, world, holder = next(watchdog.moves(world, world.mover, scene))
            world = world._replace(mover=holder)
            labels.append(label)
            check(world)
    except StopIteration:
        raise Broken("nobody can bring the stores to rest with one of them open", *labels) from None
    except Broken as broken:
        raise Broken(str(broken), *labels, *broken.steps) from None
