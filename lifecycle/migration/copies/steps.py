"""The steps of a copy: the move's engine without a switch. Each may be killed at any instruction and run again."""

import time
from typing import Any
from uuid import UUID

from django.conf import settings

from lifecycle.migration.actions import SYSTEM
from lifecycle.migration.comparing.comparing import compared
from lifecycle.migration.engine import arm, copy, objects, rounds
from lifecycle.migration.engine.move import Move, acknowledge
from lifecycle.migration.recording import versions
from lifecycle.migration.steps import capture, green
from lifecycle.migration.steps.common import SLICE_SECONDS, again
from lifecycle.migration.steps.sync import objects_verified
from lifecycle.naming.queries import names_in
from lifecycle.provisioning.subject import region_named
from portal.audit.actions import record
from portal.jobs.context import StepContext
from portal.jobs.errors import Cancelled, Permanent, Skip, Transient

from .actions import moving
from .models import RELEASABLE, State, TenantCopy
from .places import why_not


def copy_of(ctx: StepContext) -> TenantCopy:
    return TenantCopy.objects.select_related("tenant").get(pk=UUID(ctx.params["copy_id"]))


def provision(ctx: StepContext) -> dict[str, Any]:
    """Make what the tenant needs there, its fence closed. Nobody gets credentials for a copy."""
    found = copy_of(ctx)
    if move := moving(found.tenant_id):
        raise Permanent(f"{move} is under way: what it has captured is its own.")
    if found.tenant.region != found.source:
        raise Permanent(f"The tenant is served from {found.tenant.region} meanwhile: ask again.")
    if fault := why_not(found.tenant, found.region):
        raise Permanent(f"{found.region}: {fault}.")
    return {"resources_in_state": green.make_room(ctx, found.tenant, found.region, "pgvector")}


def copied(ctx: StepContext) -> dict[str, Any]:
    """Capture first, then every chunk. From here on the copy that lay there before is no more."""
    found, began = copy_of(ctx), time.monotonic()
    there = _there(ctx, found)
    arm.arm(there)
    with ctx.fenced():
        older = TenantCopy.objects.filter(tenant=found.tenant, region=found.region, state=State.VERIFIED)
        older.update(state=State.REPLACED)
    copy.plan(there)
    while not (done := copy.copy_some(there, workers=settings.MIGRATION["copy_workers"])).is_complete:
        ctx.heartbeat(done.rows_done, done.rows_total)
        _go_on(ctx, began, f"{done.rows_done} of {done.rows_total} rows copied")
    return {"rows": done.rows_done, "bytes": done.bytes_done}


def bucket(ctx: StepContext) -> dict[str, Any]:
    """Every object with its history."""
    there, began = _there(ctx, copy_of(ctx)), time.monotonic()
    after = str(ctx.step.evidence.get("after", ""))
    while (last := objects.bring_some(there, 2.0, after)) is not None:
        after = last
        ctx.note(after=after)
        _go_on(ctx, began, f"objects up to {after}")
    return {"after": after}


def follow(ctx: StepContext) -> dict[str, Any]:
    """Rounds until none leaves anything out. What comes later still is the verification's own round's."""
    there, began = _there(ctx, copy_of(ctx)), time.monotonic()
    while (done := rounds.round(there)).left:
        ctx.heartbeat()
        _go_on(ctx, began, f"{done.left} keys left")
    return {"keys": done.keys}


def verified(ctx: StepContext) -> dict[str, Any]:
    """Every row and every byte of every object, found equal: only now is it a copy."""
    there = _there(ctx, copy_of(ctx))
    stored = objects_verified(ctx, there)
    result = compared(ctx, there, ctx.heartbeat)
    seen, at = result.seen, min(result.since, stored.since)
    if not seen.ok:
        ctx.log(f"The copy differs: {seen.mismatches}", "error")
        raise Transient("The copy differs from its source; what differs is brought over again.")
    figures = {"rows": seen.rows, "root_source": seen.root_source, "root_copy": seen.root_target}
    figures |= {"objects_found": stored.keys, "snapshot": seen.snapshot, "engine": versions()["engine"]}
    figures |= {"objects_root_source": stored.root, "objects_root_copy": stored.root}
    with ctx.fenced():
        mine = TenantCopy.objects.filter(pk=ctx.params["copy_id"], state__in=(State.MAKING, State.VERIFIED))
        mine.update(state=State.VERIFIED, verified_at=at, **figures)
        record("migration.copied", copy_of(ctx), actor=ctx.actor, data={"at": at.isoformat(), **figures})
    ctx.log(f"Verified: {seen.rows} rows, root {seen.root_source[:12]}, and {stored.keys} objects.")
    return {"at": at.isoformat(), **figures}


def let_go(ctx: StepContext) -> dict[str, Any]:
    """End capture at the source, unless a move needs it by now."""
    found = copy_of(ctx)
    if move := moving(found.tenant_id):
        raise Skip(f"{move} needs what is captured.")
    capture.disarm(_there(ctx, found))
    return {"region": found.source}


def job_ended(payload: dict[str, Any]) -> None:
    """A job that failed or was cancelled leaves no copy, and says why."""
    if payload["subject_type"] != TenantCopy._meta.label_lower or payload["compensates"]:
        return
    found = TenantCopy.objects.select_for_update().filter(pk=payload["subject_id"], state=State.MAKING).first()
    if found is not None:
        found.state, found.error = State.FAILED, (payload["error"] or "It was cancelled.")[:1000]
        found.save(update_fields=["state", "error"])
        record("migration.copy_failed", found, actor=SYSTEM, reason=found.error)


def store_retired(payload: dict[str, Any]) -> None:
    """What lay there is gone, with evidence."""
    if payload["occasion"] == "copy":
        found = TenantCopy.objects.select_for_update(no_key=True).get(pk=payload["subject"])
        if found.state in RELEASABLE:
            found.state = State.ERASED
            found.save(update_fields=["state"])
            record("migration.copy_erased", found, actor=SYSTEM, data={"retirement": payload["retirement_id"]})


def _there(ctx: StepContext, found: TenantCopy) -> Move:
    """What the engine is told, acknowledged by both stores. The copy's own id keeps its ledger apart."""
    source, region = region_named(found.source), region_named(found.region)
    bucket, other = (names_in(found.tenant, side.name).bucket for side in (source, region))
    there = Move(found.pk, found.tenant_id, ctx.epoch, source, region, bucket, other_bucket=other)
    acknowledge(there)
    return there


def _go_on(ctx: StepContext, began: float, progress: str) -> None:
    """Stop at a safe place when asked to, and give the worker back after a slice."""
    if ctx.cancel_requested:
        raise Cancelled("Stopped between two pieces of work.")
    if time.monotonic() - began > SLICE_SECONDS:
        raise again(0, progress)
