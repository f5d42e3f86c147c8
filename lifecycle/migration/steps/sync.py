"""Capture, copy, and rounds of what changed since, until one round fits the budget of a pause."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from bailiwick_proof import merkle
from django.conf import settings

from lifecycle.migration.comparing.comparing import compared
from lifecycle.migration.engine import arm, compare, compare_vectors, copy, objects, rounds
from lifecycle.migration.engine.move import Move
from lifecycle.migration.models import Direction, Migration, Round, State
from portal.jobs.context import StepContext
from portal.jobs.errors import Cancelled, Permanent, Transient
from portal.lib.clock import now

from .bulk import require_over
from .common import SLICE_SECONDS, advance, again, beating, engine_move, keep_round, measure, migration_of
from .witness import require_agreed

MISMATCHES = 3


class Differ(Transient):
    """The two sides are not equal, though what differs was brought over again."""


def first_copy(ctx: StepContext) -> dict[str, Any]:
    """Capture first: what changes while the copy runs is known. Then every chunk, each with its line in the ledger."""
    migration = advance(ctx, "begin_copy", State.PROVISIONING_GREEN)
    move = engine_move(ctx, migration)
    arm.arm(move)
    copy.plan(move)
    began, before = time.monotonic(), migration.copy_seconds
    while True:
        done = copy.copy_some(move, workers=settings.MIGRATION["copy_workers"])
        took = before + time.monotonic() - began
        figures = {"rows_total": done.rows_total, "rows_copied": done.rows_done, "bytes_copied": done.bytes_done}
        measure(ctx, copy_seconds=took, **figures)
        ctx.heartbeat(done.rows_done, done.rows_total)
        if done.chunks_done >= done.chunks_total:
            advance(ctx, "finish_copy", State.INITIAL_SYNC)
            return {"rows": done.rows_done, "bytes": done.bytes_done, "seconds": round(took, 2)}
        _go_on(ctx, began, f"{done.rows_done} of {done.rows_total} rows copied")


def follow(ctx: StepContext) -> dict[str, Any]:
    """Rounds until one fits; given up after so many, after so long, or when what is left grows three times running."""
    migration = migration_of(ctx)
    move, began = engine_move(ctx, migration), time.monotonic()
    while True:
        found = one_round(ctx, move, Direction.FORWARD)
        migration = advance(ctx, "keep_up", State.DUAL_WRITE_ENABLED)
        if fits(found):
            return {"keys": found.keys, "seconds": round(found.seconds, 3)}
        _converges(migration)
        _go_on(ctx, began, f"{found.left} keys left")


def bucket(ctx: StepContext) -> dict[str, Any]:
    """Every object with its history. Those that rows name are there already; this brings what only remembers."""
    move, after = engine_move(ctx, migration_of(ctx)), str(ctx.step.evidence.get("after", ""))
    began = time.monotonic()
    while (found := objects.bring_some(move, 2.0, after)) is not None:
        after = found
        ctx.note(after=after)
        _go_on(ctx, began, f"objects up to {after}")
    return {"after": after}


def one_round(ctx: StepContext, move: Move, direction: Direction) -> rounds.Round:
    """One round, shown and kept."""
    return shown(ctx, rounds.round(move), direction)


def shown(ctx: StepContext, found: rounds.Round, direction: Direction) -> rounds.Round:
    """The round in the move's log and figures."""
    keep_round(ctx, found, direction)
    measure(ctx, keys_left=found.left, lag_seconds=found.seconds)
    ctx.heartbeat()
    return found


def fits(found: rounds.Round) -> bool:
    """True if a round like this would go into the pause, by time and not by rows."""
    return found.left == 0 and found.seconds * 1000 <= settings.MIGRATION["budget_ms"]


def _converges(migration: Migration) -> None:
    since = Round.objects.filter(migration=migration, direction=Direction.FORWARD, at__gt=migration.state_changed_at)
    keys = list(since.values_list("keys", flat=True))  # the newest first
    limits = settings.MIGRATION
    if len(keys) > 3 and keys[0] > keys[1] > keys[2] > keys[3]:
        raise Permanent(
            f"What changes grew three rounds running, to {keys[0]} keys: the copy falls behind the writers."
        )
    if len(keys) >= limits["rounds"]:
        raise Permanent(f"After {len(keys)} rounds none fits into {limits['budget_ms']} ms.")
    if now() - migration.state_changed_at > timedelta(hours=limits["hours"]):
        raise Permanent(f"After {limits['hours']} hours no round fits into {limits['budget_ms']} ms.")


def verified(ctx: StepContext) -> dict[str, Any]:
    """All of both sides at one snapshot, by a path of its own. Three mismatches end the move, silence does not."""
    migration = migration_of(ctx)
    require_over(ctx, migration)
    move = engine_move(ctx, migration)
    try:
        return _verified(ctx, migration, move)
    except Differ as mismatch:
        times = ctx.step.evidence.get("mismatches", 0) + 1
        ctx.note(mismatches=times)
        if times % MISMATCHES == 0:
            look_anew(ctx)  # whoever resumes it looks at all of them
            raise Permanent(f"Looked at {times} times, and the sides differ: {mismatch}") from mismatch
        raise again(1, f"{mismatch} They are looked at again.") from mismatch


def _verified(ctx: StepContext, migration: Migration, move: Move) -> dict[str, Any]:
    stored, beside = objects_verified(ctx, move), vectors_verified(ctx, move)
    witness = require_agreed(ctx, migration, move)
    found = compared(ctx, move, beating(ctx)).seen
    with ctx.fenced():
        figures = {"verified_rows": found.rows, "root_source": found.root_source, "root_target": found.root_target}
        Migration.objects.filter(pk=migration.pk).update(**figures)
    if not found.ok:
        ctx.log(f"The sides differ: {found.mismatches}", "error")
        one_round(ctx, move, Direction.FORWARD)
        raise Differ("The two sides differ; what differs was brought over again.")
    vectors = f", {beside.keys} vectors" if beside else ""
    ctx.log(
        f"Verified: {found.rows} rows, root {found.root_source[:12]}{vectors}, and {stored.keys} objects on both sides."
    )
    seen = {"snapshot": found.snapshot, "tables": found.tables, "at": now().isoformat()}
    outside = {"objects": stored.as_json(), **({"vectors": beside.as_json()} if beside else {})}
    return {**seen, "rows": found.rows, "root": found.root_source, **outside, "inventory": witness}


@dataclass(frozen=True)
class Stored:
    """What both sides hold alike beside the rows: how many keys, their tree's root, and since when none is missing."""

    keys: int
    root: str
    since: datetime

    def as_json(self) -> dict[str, Any]:
        return {"total": self.keys, "root_source": self.root, "root_target": self.root}


@dataclass(frozen=True)
class Beside:
    """A store without snapshots: how it is compared in pieces, and keys of it alone, and how these are brought again.

    What was found alike is kept in the step under a name of its own.
    """

    what: str
    pieces: Callable[[Move, Any, Callable[[], None]], Iterator[tuple[compare.Digests, Any]]]
    look_at: Callable[[Move, list[str]], compare.Digests]
    bring: Callable[[Move, list[str]], Any]

    @property
    def seen(self) -> str:
        return f"{self.what}_seen"


def _bring_objects(move: Move, keys: list[str]) -> None:
    for key in keys:
        objects.remove(move.target, move.bucket_there, key)
    objects.bring(move, keys)


OBJECTS = Beside("objects", compare.pieces, compare.compare, _bring_objects)
VECTORS = Beside("vectors", compare_vectors.pieces, compare_vectors.compare, rounds.mend)


def look_anew(ctx: StepContext) -> None:
    """What was found alike counts no more."""
    ctx.note(inventory=None, **{store.seen: None for store in (OBJECTS, VECTORS)})


def objects_verified(ctx: StepContext, move: Move) -> Stored:
    """Every byte of every object."""
    return _in_pieces(ctx, move, OBJECTS)


def vectors_verified(ctx: StepContext, move: Move) -> Stored | None:
    """Every number of every vector outside the rows; None where all are rows."""
    return None if move.vectors_are_rows else _in_pieces(ctx, move, VECTORS)


def _in_pieces(ctx: StepContext, move: Move, store: Beside) -> Stored:
    """All that a store holds, in pieces: whoever comes later goes on behind what was found alike."""
    begun = {"since": now().isoformat(), "after": "", "frontier": merkle.Frontier().to_bytes().hex()}
    seen, began = {**begun, **(ctx.step.evidence.get(store.seen) or {})}, time.monotonic()
    tree = merkle.Frontier.from_bytes(bytes.fromhex(seen["frontier"]))
    if seen["after"] is not None:
        for found, last in store.pieces(move, seen["after"], beating(ctx)):
            tree.extend(_alike(ctx, move, store, found).leaves)
            seen |= {"after": last, "frontier": tree.to_bytes().hex()}
            ctx.note(**{store.seen: seen})
            if time.monotonic() - began > SLICE_SECONDS:
                raise again(0, f"{tree.size} {store.what} compared")
        ctx.note(**{store.seen: {**seen, "after": None}})
    return Stored(tree.size, tree.root().hex(), datetime.fromisoformat(seen["since"]))


def _alike(ctx: StepContext, move: Move, store: Beside, found: compare.Digests) -> compare.Digests:
    """What was written meanwhile is brought and looked at again, three times."""
    whole = found
    for _ in range(3):
        if found.ok:
            break
        store.bring(move, found.mismatches)
        found = store.look_at(move, found.mismatches)
        whole = whole.mended(found)
    if not found.ok:
        ctx.log(f"{store.what.capitalize()} differ: {found.mismatches[:20]}", "error")
        raise Differ(f"{len(found.mismatches)} {store.what} differ between the two sides.")
    return whole


def _go_on(ctx: StepContext, began: float, progress: str) -> None:
    """Stop at a safe place when asked to; give the worker back after a slice; wait while paused."""
    if ctx.cancel_requested:
        raise Cancelled("Stopped between two pieces of work.")
    migration_of(ctx)
    if time.monotonic() - began > SLICE_SECONDS:
        raise again(0, progress)
