"""Steps 2 to 4 of migration.md: arm capture, copy by chunks, dirty rounds. Giving up is here too, and voids it all."""

from .comparing import ended
from .faults import Faults
from .standing import Moves, has_lease, may_write_target
from .state import Broken, Dirty, Mover, Round, Scene, Store, World, is_drained, put, put_fence, put_row


def arm(world: World, mover: Mover, faults: Faults) -> Moves:
    """2. Capture goes on under the exclusive lock, as the first act of `initial_sync`."""
    source, generation = mover.source, world.control.generation
    store = world.stores[source]
    if store.fence.capture == generation or not has_lease(world, mover, source):
        return
    if faults.freezes_before_arming and world.stores[1 - source].ledger[0] != generation:
        return
    if is_drained(world, source) or faults.arms_without_lock:
        armed = put_fence(world, source, capture=generation)
        yield "mover arms capture", put(armed, source, seq=0) if faults.reuses_seq else armed, mover


def cancel(world: World, mover: Mover, scene: Scene) -> Moves:
    """A move given up: the generation first, which makes the ledger void; then capture goes off."""
    control, source = world.control, mover.source
    captures = world.stores[source].fence.capture
    if captures == control.generation < scene.generations and mover.job == control.job:
        void = control._replace(generation=control.generation + 1)
        yield "mover makes the ledger void, cancelling", ended(world)._replace(control=void), mover
    if captures and has_lease(world, mover, source) and is_drained(world, source):
        if captures != control.generation:
            yield "mover takes capture off, cancelling", put_fence(world, source, capture=0), mover
        elif scene.faults.capture_off_in_pause:
            yield "mover takes capture off, pausing", put_fence(world, source, capture=0), mover


def freeze(world: World, mover: Mover, faults: Faults) -> Moves:
    """3. The copy begins, on an empty target, with the last key as it is once capture is on."""
    target, generation = 1 - mover.source, world.control.generation
    store = world.stores[mover.source]
    is_armed = store.fence.capture == generation or faults.freezes_before_arming
    if is_armed and world.stores[target].ledger[0] != generation and has_lease(world, mover, target):
        todo = 0b11 if store.rows[1] else 0b01 if store.rows[0] else 0
        rows = world.stores[target].rows if faults.begins_on_old_rows else (0, 0)
        yield "mover freezes max(key)", put(world, target, ledger=(generation, todo), rows=rows), mover


def read_chunk(world: World, mover: Mover, faults: Faults) -> Moves:
    """3. One key is a chunk. It is read at a snapshot while no dirty round is under way."""
    generation, todo = world.stores[1 - mover.source].ledger
    rows, fence = world.stores[mover.source].rows, world.stores[mover.source].fence
    if mover.chunk or not todo or not fence.capture == generation == world.control.generation:
        return
    if not mover.round or faults.overlaps:
        key = 0 if todo & 0b01 else 1
        yield f"mover reads chunk {key}", world, mover._replace(chunk=(key, rows[key]))


def commit_chunk(world: World, mover: Mover, faults: Faults) -> Moves:
    """3. Rows and ledger row are one transaction on green, with the lease check."""
    assert mover.chunk
    (key, value), target = mover.chunk, 1 - mover.source
    store = world.stores[target]
    if may_write_target(world, mover, faults):
        generation, todo = store.ledger
        ledger = (generation, todo & ~(1 << key))
        copied = put(world, target, rows=put_row(store.rows, key, value), ledger=ledger)
        yield f"mover commits chunk {key}", copied, mover._replace(chunk=None)


def read_round(world: World, mover: Mover, scene: Scene) -> Moves:
    """4. Snapshot S on blue: the keys that are dirty, as many as a round carries, then their rows."""
    store = world.stores[mover.source]
    has_begun = world.stores[1 - mover.source].ledger[0] == world.control.generation
    if has_begun and store.dirty and not mover.round and (not mover.chunk or scene.faults.overlaps):
        is_later = world.comparison is not None and world.comparison.mine is not None
        found = read(store, scene)._replace(is_later=is_later)
        yield "mover reads a dirty round", world, mover._replace(round=found)


def read(store: Store, scene: Scene) -> Round:
    """As many of the dirty entries as a round carries, and the rows at its snapshot."""
    return Round("read", store.dirty[: scene.most], store.rows, len(store.dirty) <= scene.most)


def go_on_with_round(world: World, mover: Mover, faults: Faults) -> Moves:
    """4. Green commits, then blue forgets; the final round of 7 is one like the others."""
    assert mover.round
    stage, dirty = mover.round[:2]
    is_to_delete = (stage == "read") == faults.deletes_first
    after = mover._replace(round=None if stage == "half" else mover.round._replace(stage="half"))
    if after.round is None and mover.at == "fenced":
        after = after._replace(at="drained")
    if after.round is None and mover.round.is_held:
        after = after._replace(at="carried")
    if is_to_delete and has_lease(world, mover, mover.source):
        kept = _left(world.stores[mover.source].dirty, dirty, faults)
        yield "mover deletes the round's dirty entries", put(world, mover.source, dirty=kept), after
    elif not is_to_delete and may_write_target(world, mover, faults):
        yield "mover commits the round", _apply(world, mover, mover.round), after


def _left(entries: Dirty, done: Dirty, faults: Faults) -> Dirty:
    if faults.deletes_up_to_last:
        return tuple(entry for entry in entries if entry > max(done))
    return tuple(entry for entry in entries if entry not in done)


def _apply(world: World, mover: Mover, done: Round) -> World:
    store, keys = world.stores[1 - mover.source], {key for _, key in done.dirty}
    rows = tuple(done.rows[key] if key in keys else store.rows[key] for key in (0, 1))
    if done.is_whole and store.ledger == (world.control.generation, 0) and rows != done.rows:
        raise Broken("after a round, the target is not the source at the round's snapshot", "mover commits the round")
    if done.is_later and world.comparison:
        world = world._replace(comparison=world.comparison._replace(is_passed=True))
    return put(world, 1 - mover.source, rows=rows)
