"""Fills the clone, closed meanwhile, with what its original holds at one snapshot."""

import time
from typing import Any
from uuid import UUID

from lifecycle.migration.engine import clone, objects, switch
from lifecycle.migration.engine.move import Move, acknowledge
from lifecycle.migration.steps.common import SLICE_SECONDS, again
from lifecycle.migration.steps.sync import objects_verified
from lifecycle.naming.queries import names_in
from lifecycle.provisioning.subject import region_named
from portal.jobs.context import StepContext
from portal.jobs.errors import Permanent, Transient
from tenants.models import Tenant
from tenants.placement.actions import fresh_epoch, place, placement_of

from .models import Rehearsal


def rehearsal_of(ctx: StepContext) -> Rehearsal:
    return Rehearsal.objects.select_related("tenant", "migration").get(pk=UUID(ctx.params["rehearsal_id"]))


def fill(ctx: StepContext) -> dict[str, Any]:
    """Every row, found equal under the clone's own tenant. The data is real, so the clone is governed as its like."""
    found = rehearsal_of(ctx)
    twin = Tenant.objects.get(pk=found.clone_id)
    if twin.data_classes != found.tenant.data_classes or twin.geography != found.tenant.geography:
        raise Permanent("The clone would be governed otherwise than its original: ask for another.")
    there = _there(ctx, found)
    switch.close(there, there.target, placement_of(found.clone_id).epoch)
    seen = clone.clone(there, found.tenant_id, beat=ctx.heartbeat)
    if not seen.ok:
        raise Transient(f"The clone differs from its original: {seen.mismatches}"[:1000])
    with ctx.fenced():
        Rehearsal.objects.filter(pk=found.pk).update(rows=seen.rows, root=seen.root_target)
    ctx.log(f"{seen.rows} rows of {found.tenant.name}, root {seen.root_source[:12]} on both sides.")
    return {"rows": seen.rows, "root": seen.root_source, "snapshot": seen.snapshot}


def bucket(ctx: StepContext) -> dict[str, Any]:
    """Every object with its history, found equal. Keys name no tenant, so they stay as they are."""
    there, began = _there(ctx, rehearsal_of(ctx)), time.monotonic()
    after = str(ctx.step.evidence.get("after", ""))
    while (last := objects.bring_some(there, 2.0, after)) is not None:
        after = last
        ctx.note(after=after)
        if time.monotonic() - began > SLICE_SECONDS:
            raise again(0, f"objects up to {after}")
    stored = objects_verified(ctx, there)
    return {"after": after, "objects": stored.keys, "root": stored.root}


def reopen(ctx: StepContext) -> dict[str, Any]:
    """Let the clone be served again, at an epoch that was never in force."""
    found = rehearsal_of(ctx)
    there, stands = _there(ctx, found), placement_of(found.clone_id)
    with ctx.fenced():
        """Still ours. The draw commits by itself, and one that is not used harms nobody."""
    epoch = fresh_epoch(found.clone_id)
    with ctx.fenced():
        if not place(found.clone_id, stands.owner, epoch, stands, actor=ctx.actor, reason=str(found)):
            raise Transient("The clone's placement is no longer as it was.")
    switch.open_owner(there, there.target, epoch)
    return {"epoch": epoch}


def _there(ctx: StepContext, found: Rehearsal) -> Move:
    """From the original into the clone, which the store knows by the clone's own lease."""
    twin = Tenant.objects.get(pk=found.clone_id)
    source, target = region_named(found.tenant.region), region_named(twin.region)
    bucket, other = (names_in(one, one.region).bucket for one in (found.tenant, twin))
    there = Move(found.pk, found.clone_id, ctx.epoch, source, target, bucket, other_bucket=other)
    acknowledge(there)
    return there
