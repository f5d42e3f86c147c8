"""The mover: what one incarnation does between two commits. Numbers are the steps of migration.md.

Nothing is in this file twice for the way back: the source is whoever owns, the target is the other. A mover that sleeps
is one whose next step comes late; one that died is one whose next step never comes. Its successor is in watchdog.py.
Pausing is not ticking. Every step that writes asks the store, or control, for the lease in the same transaction.
"""

from collections.abc import Iterator

from .faults import Faults
from .state import (
    BLUE, CLOSED, COLOURS, FENCED, OPEN, Broken, Dirty, Mover, Rows, Scene, World, bit, is_drained, put, put_fence, put_row,
)  # fmt: skip

Moves = Iterator[tuple[str, World, Mover]]


def moves(world: World, mover: Mover, scene: Scene) -> Moves:
    """What this incarnation may do next: the label, the world without it, and itself afterwards."""
    if mover.round:
        yield from _go_on_with_round(world, mover, scene.faults)
    if mover.chunk:
        yield from _commit_chunk(world, mover, scene.faults)
    if mover.at == "tick":
        yield from _tick(world, mover, scene)
    elif mover.at in STAGES and not mover.round:
        yield from STAGES[mover.at](world, mover, scene.faults)


def has_lease(world: World, mover: Mover, which: int) -> bool:
    """The store's own job_epoch, under its row lock, in the transaction that is about to write."""
    return mover.job == world.stores[which].job


def is_settled(world: World) -> bool:
    """The owner is open where placement says, and the other is closed."""
    return is_open_as_placed(world) and world.stores[1 - world.control.owner].fence.state == CLOSED


def is_open_as_placed(world: World) -> bool:
    fence = world.stores[world.control.owner].fence
    return fence.state == OPEN and fence.epoch == world.control.epoch


def is_mirror(world: World) -> bool:
    """By the ledger, the other store has been copied whole, and capture has been on ever since."""
    return world.stores[1 - world.control.owner].ledger == (world.control.generation, 0)


def _tick(world: World, mover: Mover, scene: Scene) -> Moves:
    source = world.control.owner
    mover = mover._replace(source=source)
    is_free = not (mover.chunk or mover.round)
    if is_settled(world):
        if is_free:
            yield from _arm(world, mover, scene.faults)
            yield from _cancel(world, mover, scene)
            yield from _freeze(world, mover, scene.faults)
        yield from _read_chunk(world, mover, scene.faults)
        yield from _read_round(world, mover, scene.faults)
    elif is_open_as_placed(world):
        yield "mover finds the commit point passed", world, mover._replace(at="placed")
    if is_free and is_mirror(world) and world.control.counter < scene.epochs:
        yield from _fence(world, mover, scene.faults)


def _arm(world: World, mover: Mover, faults: Faults) -> Moves:
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


def _cancel(world: World, mover: Mover, scene: Scene) -> Moves:
    """A move given up: the generation first, which makes the ledger void; then capture goes off."""
    control, source = world.control, mover.source
    captures = world.stores[source].fence.capture
    if captures == control.generation < scene.generations and mover.job == control.job:
        void = control._replace(generation=control.generation + 1)
        yield "mover makes the ledger void, cancelling", world._replace(control=void), mover
    if captures and has_lease(world, mover, source) and is_drained(world, source):
        if captures != control.generation:
            yield "mover takes capture off, cancelling", put_fence(world, source, capture=0), mover
        elif scene.faults.capture_off_in_pause:
            yield "mover takes capture off, pausing", put_fence(world, source, capture=0), mover


def _freeze(world: World, mover: Mover, faults: Faults) -> Moves:
    """3. The copy begins, on an empty target, with the last key as it is once capture is on."""
    target, generation = 1 - mover.source, world.control.generation
    store = world.stores[mover.source]
    is_armed = store.fence.capture == generation or faults.freezes_before_arming
    if is_armed and world.stores[target].ledger[0] != generation and has_lease(world, mover, target):
        todo = 0b11 if store.rows[1] else 0b01 if store.rows[0] else 0
        rows = world.stores[target].rows if faults.begins_on_old_rows else (0, 0)
        yield "mover freezes max(key)", put(world, target, ledger=(generation, todo), rows=rows), mover


def _read_chunk(world: World, mover: Mover, faults: Faults) -> Moves:
    """3. One key is a chunk. It is read at a snapshot while no dirty round is under way."""
    generation, todo = world.stores[1 - mover.source].ledger
    rows, fence = world.stores[mover.source].rows, world.stores[mover.source].fence
    if mover.chunk or not todo or not fence.capture == generation == world.control.generation:
        return
    if not mover.round or faults.overlaps:
        key = 0 if todo & 0b01 else 1
        yield f"mover reads chunk {key}", world, mover._replace(chunk=(key, rows[key]))


def _commit_chunk(world: World, mover: Mover, faults: Faults) -> Moves:
    """3. Rows and ledger row are one transaction on green, with the lease check."""
    assert mover.chunk
    (key, value), target = mover.chunk, 1 - mover.source
    store = world.stores[target]
    if may_write_target(world, mover, faults):
        generation, todo = store.ledger
        ledger = (generation, todo & ~(1 << key))
        copied = put(world, target, rows=put_row(store.rows, key, value), ledger=ledger)
        yield f"mover commits chunk {key}", copied, mover._replace(chunk=None)


def may_write_target(world: World, mover: Mover, faults: Faults) -> bool:
    return has_lease(world, mover, 1 - mover.source) or faults.no_lease_at_green


def _read_round(world: World, mover: Mover, faults: Faults) -> Moves:
    """4. Snapshot S on blue: the keys that are dirty, then their rows."""
    store = world.stores[mover.source]
    has_begun = world.stores[1 - mover.source].ledger[0] == world.control.generation
    if has_begun and store.dirty and not mover.round and (not mover.chunk or faults.overlaps):
        yield "mover reads a dirty round", world, mover._replace(round=("read", store.dirty, store.rows))


def _go_on_with_round(world: World, mover: Mover, faults: Faults) -> Moves:
    """4. Green commits, then blue forgets; the final round of 7 is one like the others."""
    assert mover.round
    stage, dirty, rows = mover.round
    is_to_delete = (stage == "read") == faults.deletes_first
    after = mover._replace(round=None if stage == "half" else ("half", dirty, rows))
    if after.round is None and mover.at == "fenced":
        after = after._replace(at="drained")
    if is_to_delete and has_lease(world, mover, mover.source):
        kept = _left(world.stores[mover.source].dirty, dirty, faults)
        yield "mover deletes the round's dirty entries", put(world, mover.source, dirty=kept), after
    elif not is_to_delete and may_write_target(world, mover, faults):
        yield "mover commits the round", _apply(world, mover, dirty, rows), after


def _left(entries: Dirty, done: Dirty, faults: Faults) -> Dirty:
    if faults.deletes_up_to_last:
        return tuple(entry for entry in entries if entry > max(done))
    return tuple(entry for entry in entries if entry not in done)


def _apply(world: World, mover: Mover, dirty: Dirty, at_snapshot: Rows) -> World:
    store, keys = world.stores[1 - mover.source], {key for _, key in dirty}
    rows = tuple(at_snapshot[key] if key in keys else store.rows[key] for key in (0, 1))
    if store.ledger == (world.control.generation, 0) and rows != at_snapshot:
        raise Broken("after a round, the target is not the source at the round's snapshot", "mover commits the round")
    return put(world, 1 - mover.source, rows=rows)


def _fence(world: World, mover: Mover, faults: Faults) -> Moves:
    """7. A fresh epoch for the attempt; then the exclusive lock, or the attempt backs off, which is no step.

    The source becomes the mirror it will be. A successor that finds the fence up may attempt it anew.
    """
    source, control = mover.source, world.control
    fence = world.stores[source].fence
    if not (has_lease(world, mover, source) and mover.job == control.job and is_drained(world, source)):
        return
    if fence.capture != control.generation or (fence.state == OPEN and not is_settled(world)) or fence.state == CLOSED:
        return
    fresh = control.counter + 1
    begun = put(world._replace(control=control._replace(counter=fresh)), source, ledger=(control.generation, 0))
    attempt = mover._replace(at="fenced", epoch=fresh, expects=control.epoch)
    if faults.opens_beside:
        yield "mover begins a switch and does not fence", begun, attempt._replace(at="drained", epoch=control.epoch)
    else:
        yield f"mover fences, to switch at epoch {fresh}", put_fence(begun, source, state=FENCED), attempt


def _final_round(world: World, mover: Mover, faults: Faults) -> Moves:
    """7. Inside the fence nothing is written: what is dirty now is all there is."""
    source = world.stores[mover.source]
    is_left_out = faults.skips_final_round or (faults.rollback_discards and mover.source != BLUE)
    if faults.places_before_final_round and mover.epoch > world.control.epoch:
        yield from _place(world, mover, faults)
    elif is_left_out or not source.dirty:
        yield "mover finds nothing dirty inside the fence", world, mover._replace(at="drained")
    else:
        yield "mover reads the final round", world, mover._replace(round=("read", source.dirty, source.rows))


def _open(world: World, mover: Mover, faults: Faults) -> Moves:
    """7. The target opens at the attempt's epoch, captures already, and knows of the tenant's suspension."""
    target = 1 - mover.source
    status = world.stores[target].fence.status
    if has_lease(world, mover, target) and is_drained(world, target) and status == world.control.status:
        opened = opens(world, target, mover.epoch, capture=not faults.no_reverse_capture, faults=faults)
        yield "mover opens the target", opened, mover._replace(at="opened")


def opens(world: World, which: int, epoch: int, *, capture: bool, faults: Faults) -> World:
    """The store accepts writes at this epoch, at which no store ever has."""
    if world.was_open & 1 << epoch and not faults.opens_beside:
        raise Broken("a store reopens at an epoch that was used before", f"{COLOURS[which]} opens")
    changes = {"state": OPEN, "epoch": epoch, "capture": world.control.generation if capture else 0}
    if faults.opening_resets_suspension:
        changes["status"] = 0
    return put_fence(world._replace(was_open=world.was_open | 1 << epoch), which, **changes)


def _place(world: World, mover: Mover, faults: Faults) -> Moves:
    """7. The compare-and-set on placement: the only commit point."""
    control, target = world.control, 1 - mover.source
    is_as_expected = (control.owner, control.epoch, control.job) == (mover.source, mover.expects, mover.job)
    if is_as_expected or faults.sets_without_compare:
        placed = control._replace(owner=target, epoch=mover.epoch)
        at = mover.at if faults.places_before_final_round and mover.at == "fenced" else "placed"
        marked = world._replace(control=placed, was_placed=world.was_placed | bit(mover.epoch, target))
        yield "mover sets placement", marked, mover._replace(at=at)


def _close(world: World, mover: Mover, faults: Faults) -> Moves:
    """7. After the commit point forward only: the store that does not own is closed, its capture off."""
    other = 1 - world.control.owner
    if has_lease(world, mover, other) and is_drained(world, other):
        closed = put_fence(world, other, state=CLOSED, capture=0)
        yield "mover closes the store that lost", closed, Mover(mover.job)


STAGES = {"fenced": _final_round, "drained": _open, "opened": _place, "placed": _close}
