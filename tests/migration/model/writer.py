"""A client's transaction through the guard trigger. Writer 0 is READ COMMITTED, writer 1 reads a snapshot.

A router may hold any placement that ever was, so a client comes to any store with any epoch that was ever placed
there. Where the guard refuses, nothing changes and it comes again: such steps are left out. Two that write one row are
ordered by their commits; the row lock that makes them wait would only take interleavings away.
"""

from collections.abc import Iterator

from .state import Broken, Fence, Scene, World, Writer, accepts, bit, put, put_row

SNAPSHOT = 1
Steps = Iterator[tuple[str, World]]


def steps(world: World, scene: Scene) -> Steps:
    for who, writer in enumerate(world.writers):
        if writer.at == "passed":
            yield f"writer {who} commits", _commit(world, who, scene)
            yield f"writer {who} is cut off", _next(world, who, Writer(writer.done + 1))
        elif writer.at == "begun":
            yield _guard_of_snapshot(world, who, scene)
        elif writer.done < len(scene.scripts[who]):
            yield from _begin(world, who)


def _begin(world: World, who: int) -> Steps:
    """A snapshot reader's transaction has its snapshot before the guard runs; the other reads what is committed."""
    for which, store in enumerate(world.stores):
        if not (accepts(store.fence) and world.was_placed & bit(store.fence.epoch, which)):
            continue
        if who == SNAPSHOT:
            begun = Writer(world.writers[who].done, "begun", which, store.fence)
            yield f"writer {who} takes its snapshot", _next(world, who, begun)
        else:
            yield f"writer {who} passes the guard", _pass(world, who, which, store.fence)


def _guard_of_snapshot(world: World, who: int, scene: Scene) -> tuple[str, World]:
    """FOR SHARE: a fence row that is not the one in the snapshot is a serialization failure."""
    writer = world.writers[who]
    seen = writer.seen
    assert seen
    if seen == world.stores[writer.store].fence or scene.faults.plain_check:
        return f"writer {who} passes the guard", _pass(world, who, writer.store, seen)
    return f"writer {who} meets another fence row", _next(world, who, Writer(writer.done))


def _pass(world: World, who: int, which: int, fence: Fence) -> World:
    """The shared lock is held from here to the end; when capturing, the dirty entry has its number already."""
    store, seq = world.stores[which], 0
    if fence.capture:
        seq = store.seq + 1
        if seq <= store.was_seq:
            raise Broken("the number of a dirty entry is used twice", f"writer {who} passes the guard")
        world = put(world, which, seq=seq, was_seq=seq)
    return _next(world, who, Writer(world.writers[who].done, "passed", which, None, seq))


def _commit(world: World, who: int, scene: Scene) -> World:
    """Row, dirty entry and acknowledgement are one."""
    writer = world.writers[who]
    store = world.stores[writer.store]
    if store.was_status % 2:
        what = "a write is committed in a store that has acknowledged the suspension"
        raise Broken(what, f"writer {who} commits")
    key, value = scene.scripts[who][writer.done]
    dirty = (*store.dirty, (writer.seq, key)) if writer.seq else store.dirty
    world = put(world, writer.store, rows=put_row(store.rows, key, value), dirty=dirty)
    return _next(world._replace(truth=put_row(world.truth, key, value)), who, Writer(writer.done + 1))


def _next(world: World, who: int, writer: Writer) -> World:
    first, second = world.writers
    return world._replace(writers=(writer, second) if who == 0 else (first, writer))
