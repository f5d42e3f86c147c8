"""The switch: the tenant's writes stop here and go on there, within a budget. Rollback is the same, mirrored.

Before the compare-and-set on the placement everything is undone by `abort`; after it, only rolled forward. Which side
owns is read from the placement, never assumed; no store opens at an epoch that was handed out before. While writers
wait, nobody waits long for a side that is silent.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from psycopg import Connection, Cursor, errors

from lifecycle.stores.errors import Permanent, Transient
from lifecycle.stores.postgres.connection import SOON, SYSTEM, Limited, connection, prompt, translated
from lifecycle.stores.postgres.fences import LOCK
from portal.lib.regions import Region
from portal.lib.tracing import span

from . import compare_vectors, native, tables, vectors, verify
from .copy import both
from .move import NATIVE, Control, Move, NotInTime, Overtaken, Placement, fenced
from .rounds import carried
from .tables import Table

FENCE = "UPDATE bw.fence SET state = 'fenced', changed_at = clock_timestamp() WHERE tenant_id = %s AND state = 'open'"
OPEN = """
UPDATE bw.fence SET state = 'open', epoch = %(epoch)s, changed_at = clock_timestamp(), capture = true,
       generation = generation + (NOT capture)::int,
       slot = CASE WHEN capture THEN slot ELSE %(slot)s::name END,
       slot_since = CASE WHEN capture THEN slot_since
                         WHEN %(slot)s::name IS NOT NULL THEN pg_current_wal_insert_lsn() END
WHERE tenant_id = %(tenant)s AND epoch < %(epoch)s
"""
CLOSE = """
UPDATE bw.fence SET state = 'closed', epoch = greatest(epoch, %(epoch)s), capture = false, slot = NULL,
       slot_since = NULL, changed_at = clock_timestamp()
WHERE tenant_id = %(tenant)s
RETURNING EXISTS (SELECT FROM pg_replication_slots WHERE slot_name = %(slot)s)
"""
WARM_ROUNDS = 20
EMPTY = "DELETE FROM bw.dirty WHERE tenant_id = %s"
# Columns and triggers of the tables, dropped ones included: another one after any change of them.
FINGERPRINT = """
SELECT md5(concat(
    (SELECT string_agg(concat_ws(' ', c.oid, a.attname, a.atttypid, a.atttypmod), ',' ORDER BY c.oid, a.attnum)
     FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
     WHERE c.relnamespace = 'rag'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition),
    (SELECT string_agg(concat_ws(' ', g.oid, g.tgenabled), ',' ORDER BY g.oid)
     FROM pg_class c JOIN pg_trigger g ON g.tgrelid = c.oid
     WHERE c.relnamespace = 'rag'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition)))
"""


class OverBudget(Transient):
    """The switch would have taken longer than it may. Nothing has changed; another attempt may find less in its way."""


class _NotFenced(OverBudget):
    """Not even the fence was shut."""


@dataclass(frozen=True)
class Switched:
    """`pause_ms` from the moment writers began to wait until the placement was set.

    Who finds that an earlier worker had committed knows neither that, which is 0 then, nor the keys.
    """

    epoch: int
    pause_ms: float
    keys_inside: int | None


def switch(move: Move, control: Control, budget_ms: int = 100, *, is_shut: bool = False) -> Switched:
    """Make the target the owner, or change nothing: raises OverBudget, or what went wrong, after having undone itself.

    Called again after a crash it first reads the placement: a switch that was committed is rolled forward. `is_shut`:
    writers have been refused since `shut`, and still are.
    """
    if recover(move, control, is_shut=is_shut):
        return Switched(control.placement().epoch, 0.0, None)
    before = control.placement()
    with span("move.switch", move.told) as told, translated("switch"), _warmed(move) as warm:
        slot = native.make_ready(move, move.target) if move.capture == NATIVE else None
        control.admit(move.target)
        epoch = control.fresh_epoch()
        told.set_attribute("bailiwick.switch.epoch", epoch)
        _warm_up(warm, budget_ms)
        warm.hurry(budget_ms)
        began = time.monotonic()
        keys = 0
        try:
            _fence(warm.source, move, budget_ms, is_shut, warm.fingerprint)
            keys = _last_round(warm, began + budget_ms / 1000)
            _open_target(warm, epoch, slot)
            if not control.place(move.target.name, epoch, before):
                raise Transient(SYSTEM, "switch", "the placement is no longer as it was")
        except _NotFenced:
            raise
        except BaseException:
            if control.placement().owner != move.target.name:
                abort(move, control)
                raise
        pause = (time.monotonic() - began) * 1000
        told.set_attributes({"bailiwick.switch.pause_ms": pause, "bailiwick.keys": keys})
    settle(move, Placement(move.target.name, epoch))
    return Switched(epoch, pause, keys)


def shut(move: Move, budget_ms: int) -> None:
    """Refuse writers from here on until a switch or an abort; raises OverBudget while one's transaction is open."""
    with translated("shut"), connection(move.source, "mover") as db:
        _fence(db, move, budget_ms, is_shut=True)


def recover(move: Move, control: Control, *, is_shut: bool = False) -> bool:
    """Bring both stores to what the placement says, wherever an earlier worker died; true when the target owns.

    Every worker begins with it: before the placement was set an attempt is undone, after it rolled forward. What was
    `shut` stays so.
    """
    stands = control.placement()
    if stands.owner == move.target.name:
        settle(move, stands)
        return True
    if stands.owner != move.source.name:
        raise Permanent(SYSTEM, "switch", f"{stands.owner} owns the tenant, which is on neither side of this move")
    if not _is_served(move, stands.epoch, is_shut):
        abort(move, control)
    elif _state(move, move.target) != "closed":
        close(move, move.target, stands.epoch)
    return False


def abort(move: Move, control: Control) -> int:
    """Give the tenant back to its owner at a fresh epoch, whoever that is; returns the epoch.

    The other store is closed first and its capture ends; the owner's stays on. One that is out of reach is closed by
    `recover`, before anything flows again: if it is open, then at an epoch that nobody was ever routed by.
    """
    while True:
        stands = control.placement()
        epoch = control.fresh_epoch()
        if control.place(stands.owner, epoch, stands):
            break
    sides = {region.name: region for region in (move.source, move.target)}
    if stands.owner not in sides:
        raise Permanent(SYSTEM, "abort", f"{stands.owner} owns the tenant, which is on neither side of this move")
    owner = sides.pop(stands.owner)
    for other in sides.values():
        with suppress(Transient, Overtaken):  # out of reach, or so when this job was made known
            close(move, other, epoch)
    open_owner(move, owner, epoch)
    return epoch


def undo(move: Move, control: Control) -> int:
    """Before the commit point: the owner serves at the epoch returned. One that did all the time is not touched.

    The target is not asked for anything; it is closed by `close`.
    """
    stands = control.placement()
    return stands.epoch if _is_served(move, stands.epoch, is_shut=False) else abort(move, control)


def open_owner(move: Move, region: Region, epoch: int) -> None:
    """Open the store that owns the tenant, at an epoch that was never in force; its capture is on from then."""
    with translated("open the owner"), prompt(region, "mover") as db, fenced(db, move, region):
        db.execute(LOCK, (move.tenant_id,))
        _is_open(db.execute(OPEN, {"tenant": move.tenant_id, "epoch": epoch, "slot": None}), region, epoch)


def _is_open(opened: Cursor[Any], region: Region, epoch: int) -> None:
    """A store that has seen this epoch, or a later one, was not opened: somebody may be routed there by it."""
    if opened.rowcount != 1:
        raise Permanent(SYSTEM, "open", f"the fence in {region.name} has seen epoch {epoch} before")


def settle(move: Move, stands: Placement) -> None:
    """Roll a committed switch forward: the side that lost the tenant is closed, and what it had captured is void."""
    close(move, move.source, stands.epoch)


def close(move: Move, region: Region, epoch: int) -> None:
    """Close a store that does not own the tenant. What it still had captured is void with its capture."""
    with translated("close the other side"), prompt(region, "mover") as db:
        with fenced(db, move, region):
            db.execute(LOCK, (move.tenant_id,))
            slot = native.slot_of(move, region)
            has_slot = db.execute(CLOSE, {"tenant": move.tenant_id, "epoch": epoch, "slot": slot}).fetchone()
            db.execute(EMPTY, (move.tenant_id,))
        if has_slot and has_slot[0]:
            with suppress(errors.ObjectInUse):  # a worker that was overtaken still reads: the sweep takes it away
                native.drop(move, region)


@dataclass(frozen=True)
class _Warm:
    """Open connections and a read catalogue, so that none of that happens inside the fence."""

    move: Move
    source: Limited
    target: Limited
    mine: Limited
    theirs: Limited
    tables: list[Table]
    shapes: list[verify.Shape]
    fingerprint: str

    def hurry(self, budget_ms: int) -> None:
        """From here on writers may be waiting."""
        for db in (self.source, self.target, self.mine, self.theirs):
            db.patience = SOON + budget_ms / 1000


@contextmanager
def _warmed(move: Move) -> Iterator[_Warm]:
    vectors.connect(move)
    verifier = (connection(side, "verifier") for side in (move.source, move.target))
    with both(move) as (source, target), next(verifier) as mine, next(verifier) as theirs:
        unchanged = _fingerprint(source.execute(FINGERPRINT))
        found = tables.of_both(source, target)
        for side, region in ((found, move.source), (tables.read(target), move.target)):
            tables.require_guards(side, region)
        yield _Warm(move, source, target, mine, theirs, found, verify.shapes(mine), unchanged)


def _warm_up(warm: _Warm, budget_ms: int) -> None:
    """Rounds until one takes no more than half the budget, by time and not by rows."""
    for _ in range(WARM_ROUNDS):
        with carried(warm.source, warm.target, warm.move, warm.tables) as done:
            pass
        if not done.left and done.seconds * 1000 < budget_ms / 2:
            return
    raise OverBudget(SYSTEM, "switch", f"{WARM_ROUNDS} rounds, and none within half of {budget_ms} ms")


def _fence(source: Connection[Any], move: Move, budget_ms: int, is_shut: bool, fingerprint: str = "") -> None:
    """Refuse writers from here on; those under way have committed. Waits for them no longer than the budget.

    Transient where the tables are not those of the `fingerprint` any more: what was read of them would be too little.
    """
    try:
        with fenced(source, move, move.source):
            with source.pipeline():
                source.execute(f"SET LOCAL lock_timeout = {int(budget_ms)}")
                source.execute(LOCK, (move.tenant_id,))
                changed = source.execute(FENCE, (move.tenant_id,))
                stands = source.execute(FINGERPRINT)
            if fingerprint and _fingerprint(stands) != fingerprint:
                raise Transient(SYSTEM, "switch", f"the tables in {move.source.name} were changed a moment ago")
            if changed.rowcount != 1 and not (is_shut and _state_in(source, move) == "fenced"):
                raise Permanent(SYSTEM, "switch", f"the fence in {move.source.name} was not open")
    except errors.LockNotAvailable as error:
        raise _NotFenced(SYSTEM, "switch", f"a writer's transaction was open for {budget_ms} ms") from error


def _fingerprint(found: Cursor[Any]) -> str:
    row = found.fetchone()
    return str(row[0]) if row else ""


def _last_round(warm: _Warm, until: float) -> int:
    """Bring over all that is left, and compare it; returns how many keys it was. Their lines leave with `close`.

    More than one round carries is over budget: what it left out would stay behind. So is what takes longer than
    `until`, here and not later: from here on undoing it would keep writers longer than going on.
    """
    try:
        with carried(warm.source, warm.target, warm.move, warm.tables, strike=False, until=until) as done:
            keys, beside = done.changed, done.vectors
        wrong = compare_vectors.differing(warm.move, beside.there, beside.gone, until) if beside else []
    except NotInTime as late:
        raise OverBudget(SYSTEM, "switch", f"vectors changed to the last: {late.message}") from late
    if not done.seen.is_whole:
        raise OverBudget(SYSTEM, "switch", f"more changed to the last than the {done.keys} keys of one round")
    _in_time(until, "the last round")
    if keys:
        wrong += verify.differing(warm.mine, warm.theirs, warm.shapes, warm.move.tenant_id, keys)
    if wrong:
        raise Permanent(SYSTEM, "switch", f"{', '.join(wrong)} differ after the last round")
    _in_time(until, "its comparison")
    return done.keys


def _in_time(until: float, what: str) -> None:
    if (late := time.monotonic() - until) > 0:
        raise OverBudget(SYSTEM, "switch", f"{what} ended {late * 1000:.0f} ms after the budget")


def _open_target(warm: _Warm, epoch: int, slot: str | None) -> None:
    """Open the target with its own capture on, at an epoch nobody is routed by yet.

    What the mover brought there is in a slot's stream, too: it counts from here on.
    """
    move = warm.move
    with fenced(warm.target, move, move.target):
        with warm.target.pipeline():
            warm.target.execute(LOCK, (move.tenant_id,))
            opened = warm.target.execute(OPEN, {"tenant": move.tenant_id, "epoch": epoch, "slot": slot})
        _is_open(opened, move.target, epoch)


def _is_served(move: Move, epoch: int, is_shut: bool) -> bool:
    """Whether the owner takes writes at the epoch that clients are routed by, or is shut on purpose.

    An abort whose owner was out of reach has set a new epoch and not opened the store at it.
    """
    with translated("read the fence"), prompt(move.source, "mover") as db:
        row = db.execute("SELECT state, epoch FROM bw.fence WHERE tenant_id = %s", (move.tenant_id,)).fetchone()
    return row == ("open", epoch) or (is_shut and row is not None and row[0] == "fenced")


def _state(move: Move, region: Region) -> str:
    with translated("read the fence"), prompt(region, "mover") as db:
        return _state_in(db, move)


def _state_in(db: Connection[Any], move: Move) -> str:
    row = db.execute("SELECT state FROM bw.fence WHERE tenant_id = %s", (move.tenant_id,)).fetchone()
    return str(row[0]) if row else "missing"
