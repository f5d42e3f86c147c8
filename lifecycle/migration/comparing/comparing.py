"""A comparison in pieces: any worker goes on with it, in the same two snapshots, until they are gone."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from lifecycle.migration.engine import native, rounds, verify
from lifecycle.migration.engine.move import Move
from lifecycle.migration.engine.snapshots import Gone, reader
from lifecycle.migration.steps.common import SLICE_SECONDS, again
from lifecycle.stores.postgres.connection import translated
from portal.jobs.context import StepContext
from portal.lib.clock import now
from portal.lib.tracing import passed

from .models import Comparison, Found, Outcome

NOBODY = "Waits for a process that holds snapshots: manage.py hold_snapshots"


@dataclass(frozen=True)
class Result:
    """`since`: nothing that was written before is missing from what was compared."""

    seen: verify.Verification
    since: datetime


def compared(ctx: StepContext, move: Move, beat: Callable[[], None]) -> Result:
    """Every row of both sides, as of one snapshot each; raises WaitUntil between two pieces of work.

    Keys that differ are made dirty. If a snapshot is gone, all that was found in it is void, and it begins anew.
    """
    comparison = _open(ctx, move)
    try:
        with translated("verify"):
            _brought(ctx, comparison, move)
            _go_on(ctx, comparison, move, beat)
    except Gone as gone:
        _end(ctx, comparison, Outcome.VOID, gone.message)
        ctx.log(f"The comparison begins anew: {gone.message}.", "warning")
        raise again(0, "The comparison begins anew.") from gone
    seen = verify.concluded([one.compared for one in comparison.found.all()], comparison.mine.shows)
    verify.bring_again(move, seen.mismatches)
    _end(ctx, comparison, Outcome.COMPARED, "" if seen.ok else "The sides differ.")
    return Result(seen, comparison.asked_at)


def given_up(ctx: StepContext, because: str) -> None:
    """Let go what this job had begun to compare: the sides are about to change."""
    for comparison in Comparison.objects.filter(job_id=ctx.job.pk, ended_at=None):
        _end(ctx, comparison, Outcome.VOID, because)


def _open(ctx: StepContext, move: Move) -> Comparison:
    """The comparison that this job has begun, or a new one. One of the other direction is none of it."""
    sides = {"source": move.source.name, "target": move.target.name}
    with ctx.fenced():
        found = Comparison.objects.filter(job_id=ctx.job.pk, ended_at=None).first()
        if found and (found.source, found.target) != (sides["source"], sides["target"]):
            _ended(found.pk, Outcome.VOID, "It was of the other direction.")
            found = None
        if found is None:
            found = Comparison.objects.create(job_id=ctx.job.pk, **sides)
        Comparison.objects.filter(pk=found.pk).update(used_at=now())
    return found


def _brought(ctx: StepContext, comparison: Comparison, move: Move) -> None:
    """Bring over what the source's snapshot shows, and wait for the target's: nothing else comes there meanwhile."""
    if comparison.of_source is None:
        raise again(1, NOBODY)
    if comparison.carried_at is None:
        if rounds.round(move, comparison.mine).left:
            raise Gone("database", "compare", "more had changed than one round carries")
        with ctx.fenced():
            Comparison.objects.filter(pk=comparison.pk, ended_at=None).update(carried_at=now())
        raise again(1, NOBODY)
    if comparison.of_target is None:
        with reader(move.source, comparison.mine):  # raises Gone where the holder is
            raise again(1, NOBODY)


def _go_on(ctx: StepContext, comparison: Comparison, move: Move, beat: Callable[[], None]) -> None:
    """Range after range from where an earlier piece ended; what changes meanwhile is collected, and so not retained."""
    native.collect(move.source, move.tenant_id)
    last, began = comparison.found.last(), time.monotonic()
    with verify.reading(move, comparison.mine, comparison.theirs) as (mine, theirs):
        after, at = last.compared if last else None, time.time_ns()
        for some in verify.ranges(mine, theirs, move=move, after=after, beat=beat):
            _keep(ctx, comparison, some)
            for one in some:
                passed("move.range", {**move.told, **_told(one)}, at)
            at = time.time_ns()
            if time.monotonic() - began > SLICE_SECONDS:
                rows = sum(comparison.found.values_list("rows", flat=True))
                raise again(0, f"{rows} rows compared")


def _told(one: verify.Compared) -> dict[str, str | int]:
    return {"bailiwick.table": one.table, "bailiwick.rows": one.rows, "bailiwick.unlike": len(one.unlike)}


def _keep(ctx: StepContext, comparison: Comparison, some: list[verify.Compared]) -> None:
    """What was found, written only while this worker holds the job and the comparison is open."""
    with ctx.fenced():
        if not Comparison.objects.filter(pk=comparison.pk, ended_at=None).update(used_at=now()):
            raise Gone("database", "compare", "it was ended meanwhile")
        Found.objects.bulk_create([Found.of(comparison, one) for one in some])


def _end(ctx: StepContext, comparison: Comparison, outcome: Outcome, because: str) -> None:
    with ctx.fenced():
        _ended(comparison.pk, outcome, because)


def _ended(pk: UUID, outcome: Outcome, because: str) -> None:
    """What was found is in the result, or void: in either case nobody needs it any more."""
    mine = Comparison.objects.filter(pk=pk, ended_at=None)
    mine.update(ended_at=now(), outcome=outcome, reason=because[:500])
    Found.objects.filter(comparison_id=pk).delete()
