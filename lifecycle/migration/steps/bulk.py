"""DataSync ahead of the mover: it may carry the bulk of a tenant's objects, and nothing it says is believed.

What fails here never fails the move: the mover brings whatever is not there. But no comparison begins, and so nothing
is switched, while a run may still write: what it wrote behind the comparison would stand.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from tempfile import NamedTemporaryFile
from typing import Any

from django.conf import settings
from django.template.defaultfilters import filesizeformat

from lifecycle.migration.control import move_at
from lifecycle.migration.engine import bulk
from lifecycle.migration.engine.move import Move
from lifecycle.migration.models import Migration
from lifecycle.migration.moving import locked
from lifecycle.migration.windows.queries import window_of
from lifecycle.provisioning.subject import region_named
from lifecycle.stores.errors import Permanent, StoreError, Transient
from lifecycle.stores.objects import datasync
from lifecycle.stores.objects.datasync import Execution, Transfer
from lifecycle.stores.throttle import looking
from portal.access.actor import Actor
from portal.jobs import actions as jobs
from portal.jobs.context import StepContext
from portal.jobs.errors import Skip
from portal.lib.clock import now

from .common import again, beating, engine_move, migration_of

KIND = "migration.end_datasync"
ENDS_WITHIN = timedelta(minutes=10)  # of being asked to, or the mover goes on and only the comparison waits
NO_ROLE = "{} names no role for DataSync: the mover brings all objects."


def carry_ahead(ctx: StepContext) -> dict[str, Any]:
    """Have DataSync carry what it can, see it ended, and keep of it what is alike on both sides."""
    migration = migration_of(ctx)
    move = engine_move(ctx, migration)
    if "told_at" not in migration.datasync:
        _carry(ctx, migration, move)
    if not _is_over(ctx, migration):
        if now() < _moment(migration, "told_at") + ENDS_WITHIN:
            raise again(settings.MIGRATION["tick_seconds"], "DataSync is asked to end.")
        ctx.log("DataSync does not say that it has ended: both sides are not compared before it does.", "warning")
        return dict(migration.datasync)
    return _looked_over(ctx, migration, move)


def require_over(ctx: StepContext, migration: Migration) -> None:
    """Wait while DataSync may still write for a move of this tenant, this one or an earlier one."""
    begun = Migration.objects.select_related("tenant").filter(tenant=migration.tenant_id)
    for one in begun.filter(datasync__has_key="started").exclude(datasync__has_key="over"):
        if not _is_over(ctx, one):
            raise again(settings.MIGRATION["tick_seconds"], f"DataSync may still write for {one}: it has to end first.")


def begin_to_end(migration: Migration, *, actor: Actor) -> None:
    """Have what is left of DataSync ended by a job of its own. Inside the transaction that ends the way back."""
    if "began" in migration.datasync and "over" not in migration.datasync:
        title, params = f"End DataSync of {migration}", {"migration_id": str(migration.pk)}
        jobs.start_job(KIND, actor=actor, subject=migration, title=title, params=params)


def end(ctx: StepContext) -> dict[str, Any]:
    """Wait until no run writes any more; a store that is silent is asked again."""
    migration = Migration.objects.select_related("tenant").get(pk=ctx.params["migration_id"])
    if not _is_over(ctx, migration):
        raise again(30, "DataSync is asked to end.")
    return dict(migration.datasync)


def _carry(ctx: StepContext, migration: Migration, move: Move) -> None:
    """Returns when it has said that it is done, was refused, or took too long; raises WaitUntil until then."""
    tick, told = settings.MIGRATION["tick_seconds"], dict[str, Any]()
    try:
        run = _run(ctx, migration, move)
        told = {"said": run.as_json()}
        if not run.is_over:
            if now() < _moment(migration, "until"):
                raise again(tick, f"DataSync: {run.status}, {run.files} of {migration.datasync['objects']} objects.")
            told["failed"] = "It took longer than it may."
        elif run.status != "SUCCESS":
            told["failed"] = run.words or "It ended in an error."
    except Transient as silent:
        if "until" not in migration.datasync or now() < _moment(migration, "until"):
            raise again(tick, f"Asked again: {silent}") from silent
        told["failed"] = str(silent)
    except Permanent as refused:
        if "began" not in migration.datasync:
            raise Skip(f"DataSync is not used: {refused}") from refused
        told["failed"] = str(refused)
    if "failed" in told:
        ctx.log(f"DataSync: {told['failed']} The mover brings what is not there.", "warning")
    _keep(ctx, migration, told_at=now().isoformat(), **told)


def _run(ctx: StepContext, migration: Migration, move: Move) -> Execution:
    """The one run of this move, begun if it was not. What may exist is noted before it is made."""
    transfer = bulk.transfer_of(move)
    if not migration.datasync or datasync.task_of(transfer) is None:
        _list(ctx, migration, move, transfer)
    with looking(_ours(ctx)):
        task = datasync.make(transfer)
        if found := datasync.run_of(transfer, task):
            return found
        _keep(ctx, migration, started=now().isoformat())
        run = datasync.start(transfer, task)
    ctx.log(f"DataSync carries {migration.datasync['objects']} objects ahead: {run.arn}.")
    return run


def _list(ctx: StepContext, migration: Migration, move: Move, transfer: Transfer) -> None:
    """Write down what it may carry; Skip where that is not worth it, or not possible."""
    if not migration.datasync and (why := _why_not(move)):
        raise Skip(why)
    with NamedTemporaryFile("w+", newline="", encoding="utf-8") as listing:
        found = bulk.write_list(move, listing, beating(ctx))
        listing.flush()
        if not migration.datasync:
            _begin(ctx, migration, found)
        with open(listing.name, "rb") as body, looking(_ours(ctx)):
            bulk.put_list(move, transfer, body)


def _why_not(move: Move) -> str:
    for side in (move.source, move.target):
        if side.datasync is None:
            return NO_ROLE.format(side.name)
    if not move.bucket:
        return "The tenant has no bucket."
    if not bulk.is_open_to(move):
        return f"The bucket in {move.target.name} holds objects or locks them: the mover brings what is lacking."
    return ""


def _begin(ctx: StepContext, migration: Migration, found: bulk.Listed) -> None:
    limits = settings.MIGRATION["datasync"]
    if found.bytes < limits["bytes"] and found.objects < limits["objects"]:
        size = filesizeformat(found.bytes)
        raise Skip(f"{found.objects} objects of {size} are not enough for DataSync: the mover brings them.")
    until = now() + timedelta(hours=limits["hours"])
    if window := window_of(migration):
        if window.starts_at <= now():
            raise Skip("Its window has begun: the mover brings all objects.")
        until = min(until, window.starts_at)
    about = {"objects": found.objects, "bytes": found.bytes, "left_to_the_mover": found.left}
    _keep(ctx, migration, began=now().isoformat(), until=until.isoformat(), **about)


def _is_over(ctx: StepContext, migration: Migration) -> bool:
    """True once no run can write any more; one that was never started cannot."""
    if "over" in migration.datasync:
        return True
    sides = region_named(migration.source), region_named(migration.target)
    try:
        stays = datasync.end(bulk.transfer_of(move_at(migration, ctx.epoch, *sides)))
    except StoreError as silent:
        ctx.log(f"DataSync of {migration} is not known to have ended: {silent}", "warning")
        return "started" not in migration.datasync
    if stays is None:
        return False
    if stays:
        ctx.log(f"DataSync of {migration} has ended, and something of it stays behind: {stays}", "warning")
    _keep(ctx, migration, over=now().isoformat())
    return True


def _looked_over(ctx: StepContext, migration: Migration, move: Move) -> dict[str, Any]:
    """Compare what came with what it is of, in pieces; what differs is gone afterwards, and the mover brings it.

    In a window there is no time for it: the comparison before the switch looks at every byte anyway.
    """
    seen = {"after": "", "alike": 0, "different": 0, **ctx.step.evidence}
    window = window_of(migration)
    try:
        with looking(_ours(ctx)):
            for alike, different, last in bulk.look_over(move, seen["after"], beating(ctx)):
                seen |= {"alike": seen["alike"] + alike, "different": seen["different"] + different, "after": last}
                ctx.note(**seen)
                migration_of(ctx)
                if window and window.starts_at <= now():
                    break
    except Permanent as refused:
        ctx.log(f"What DataSync brought was not looked at any further: {refused}", "warning")
    known = {"alike": seen["alike"], "different": seen["different"]}
    found = {**known, "missing": max(0, migration.datasync["objects"] - sum(known.values()))}
    _keep(ctx, migration, found=found)
    ctx.log("Of what DataSync was to bring {alike} are alike, {different} not, {missing} missing.".format(**found))
    return dict(migration.datasync)


def _ours(ctx: StepContext) -> Callable[[], None]:
    """Asked before each call: a worker that was superseded neither makes nor takes away anything."""

    def ask() -> None:
        with ctx.fenced():
            """It holds the job."""

    return ask


def _moment(migration: Migration, name: str) -> datetime:
    return datetime.fromisoformat(migration.datasync[name])


def _keep(ctx: StepContext, migration: Migration, **facts: Any) -> None:
    """Write it on the move, for whoever comes next and for its record."""
    with ctx.fenced():
        found = locked(migration.pk)
        found.datasync = {**found.datasync, **facts}
        found.save(update_fields=["datasync"])
    migration.datasync = found.datasync
