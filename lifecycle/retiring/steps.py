"""The steps of a retirement: the engine of an erasure in one region, while the tenant is served from another.

Each may be killed at any instruction and run again. Nothing is removed before its list is sealed in the ledger, under a
hold, by a worker that was overtaken, or in a store that serves the tenant or whose changes are still captured.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings

from compliance.holds.errors import Retained
from compliance.holds.queries import is_held
from compliance.inventory.queries import Listed
from compliance.verifiers import verifier_of
from compliance.verifiers.looking import Question
from lifecycle.erasure import neighbours
from lifecycle.erasure.engine import items
from lifecycle.erasure.engine.target import RESOURCE, Eraser, Target
from lifecycle.erasure.looking import blind_in, connected
from lifecycle.erasure.steps.deleting import down, outcome_of, remove_all
from lifecycle.erasure.steps.listing import manifest_of
from lifecycle.erasure.steps.quiescing import shut
from lifecycle.erasure.steps.verifying import is_explained, is_left, words
from lifecycle.erasure.subject import regions
from lifecycle.erasure.systems import erasers_of
from lifecycle.exports.queries import standing
from lifecycle.migration.vectors import held_in
from lifecycle.naming.queries import names_in
from lifecycle.provisioning.subject import region_named
from lifecycle.stores import sweep
from lifecycle.stores.errors import Held
from lifecycle.stores.postgres import fences
from lifecycle.stores.secrets import store_of
from portal.audit.actions import intend
from portal.audit.context import acting
from portal.audit.queries import is_anchored
from portal.jobs.context import StepContext
from portal.jobs.errors import Permanent, Superseded, Transient, WaitUntil
from portal.lib.clock import now
from portal.lib.regions import Region

from . import actions
from .models import Retirement

AGAIN, SOON = timedelta(minutes=5), timedelta(milliseconds=300)


def begin(ctx: StepContext) -> dict[str, Any]:
    """Nobody is served from there, its fence is shut, and nothing of what goes would be carried anywhere."""
    row = retirement_of(ctx)
    if row.retained_until and row.retained_until > now():
        raise WaitUntil(row.retained_until, f"Kept until {row.retained_until:%d %b %Y %H:%M} UTC.")
    if row.tenant.operation:
        raise WaitUntil(now() + timedelta(seconds=30), f"The tenant is in an operation ({row.tenant.operation}).")
    if found := standing(row.tenant_id, row.region):
        why = f"{', '.join(map(str, found))} lies there until it is received or has expired."
        raise WaitUntil(now() + timedelta(minutes=10), why)
    region = region_named(row.region)
    _refuse_served(row, region)
    held = held_in(row.tenant, region.name, "")
    with unheld(ctx, row), ctx.fenced():
        actions.started(row)
    return {"provider": held.provider, "index": held.index, "namespace": held.namespace}


def look_before(ctx: StepContext) -> dict[str, Any]:
    """What independent queries find before anything goes; where that is nothing, they are shown something."""
    row = retirement_of(ctx)
    _all_listed(ctx, row)
    found = _looked(ctx, row)
    empty = [one for one in _rows(row) if found[one.name]["found"] == 0]
    blind = blind_in(empty, row.tenant, row.pk, ctx.heartbeat)
    if blind:
        raise Permanent(f"Nothing is found there, and nothing can be shown to be: {', '.join(sorted(blind))}")
    at = now()
    return {"systems": found, "at": at.isoformat(), "tenants": neighbours.taken(row.tenant_id, at)}


def list_ids(ctx: StepContext) -> dict[str, Any]:
    """List every id, and have the roots sealed in the ledger before the first one goes."""
    row = retirement_of(ctx)
    if "intent" not in ctx.step.evidence:
        with unheld(ctx, row):
            region, target = _target(ctx, row)
            found = {
                name: manifest_of(ctx, bytes(row.key or b""), region, target, eraser, name)
                for name, eraser in _erasers(region, target).items()
            }
        roots = {name: {"root": one.root, "leaves": one.leaves} for name, one in found.items()}
        with ctx.fenced():
            ctx.note(systems=roots, intent=intend("store.listed", row, actor=ctx.actor, data={"manifest": roots}))
    if not Retirement.objects.filter(is_anchored(ctx.step.evidence["intent"]), pk=row.pk).exists():
        raise WaitUntil(now() + SOON, "The manifest is being sealed in the ledger.")
    return dict(ctx.step.evidence)


def shut_doors(ctx: StepContext) -> dict[str, Any]:
    """Whatever credentials this store's systems still know of the tenant end, each read back."""
    row = retirement_of(ctx)
    with unheld(ctx, row):
        region, target = _target(ctx, row)
        return shut(region, target)


def delete(ctx: StepContext) -> dict[str, Any]:
    """Remove every listed id, all systems at once, and wait until each shows it."""
    row = retirement_of(ctx)
    with unheld(ctx, row):
        region, target = _target(ctx, row)
        work = {name: (region, eraser, target) for name, eraser in _erasers(region, target).items()}
        gone = remove_all(ctx, work, sum(one["leaves"] for one in ctx.evidence("list")["systems"].values()))
        for _, eraser, _ in work.values():
            ctx.heartbeat()
            eraser.settle(target)
    told = {name: _plain(outcome_of(eraser, target)) for name, (_, eraser, _) in work.items()}
    return {"acknowledged": gone, "told": told}


def verify(ctx: StepContext) -> dict[str, Any]:
    """With the verifiers' own eyes: what is left, or was not looked at, ends it here, before resources go."""
    row = retirement_of(ctx)
    found = _looked(ctx, row)
    if left := [words(name, one) for name, one in found.items() if is_left(one) and not _was_to_be(ctx, name, one)]:
        raise Permanent("; ".join(left)[:900])
    return {"systems": found}


def take_down(ctx: StepContext) -> dict[str, Any]:
    """What Terraform made for it there, and what only carries its name or tag. What a lock keeps keeps its bucket."""
    row = retirement_of(ctx)
    if any(one["outcome"] == "retained" for one in ctx.evidence("delete")["told"].values()):
        return {"resources": 0, "kept": "as long as what is locked in it"}
    with unheld(ctx, row):
        region, target = _target(ctx, row)
        return down(ctx, row.tenant, region, target)


def look_again(ctx: StepContext) -> dict[str, Any]:
    """Every system once more, the resources by name and tag, and three neighbours, which are as they were."""
    row, before = retirement_of(ctx), ctx.evidence("before")
    seen, others = verify(ctx)["systems"], neighbours.compared(before)
    if touched := [one["tenant"] for one in others if one["digest"] != one["after"]]:
        raise Permanent(f"{len(touched)} neighbours are not as they were: {', '.join(touched)}")
    if "kept" not in ctx.evidence("take_down"):
        _nothing_stands(row)
    return {"systems": seen, "neighbours": len(others), "at": now().isoformat()}


def finish(ctx: StepContext) -> dict[str, Any]:
    """Forget the ids and the store's own rows of the tenant; the evidence enters the ledger, and others are told."""
    row = retirement_of(ctx)
    region, _ = _target(ctx, row)
    items.forget(region, row.pk)
    with unheld(ctx, row):
        fences.remove(region, row.tenant_id)
    with ctx.fenced():
        actions.over(row, _evidence(ctx), actor=ctx.actor)
    return {"erased": str(row)}


def retirement_of(ctx: StepContext) -> Retirement:
    return Retirement.objects.select_related("tenant__tier", "tenant__business_unit").get(
        pk=UUID(ctx.params["retirement_id"])
    )


@contextmanager
def unheld(ctx: StepContext, row: Retirement) -> Iterator[None]:
    """Run the block unless a hold stands, by the portal's word or the store's; who is stopped goes on after it."""
    try:
        with acting(ctx.actor):
            if is_held(row.tenant_id):
                raise Retained(row.tenant_id, "store.retire")
        yield
    except Held as held:
        refusal = Retained(row.tenant_id, "store.retire", place=held.system)
        refusal.after(ctx.actor)
        raise WaitUntil(now() + AGAIN, refusal.detail) from held
    except Retained as refusal:
        raise WaitUntil(now() + AGAIN, refusal.detail) from refusal


def _refuse_served(row: Retirement, region: Region) -> None:
    if row.tenant.region == row.region:
        raise Permanent(f"{row.tenant.name} is served from {row.region}.")
    fence = fences.read(region, row.tenant_id)
    if fence is not None and fence.state == "open":
        raise Permanent(f"The store in {row.region} takes writes of {row.tenant.name}.")
    if fences.captures(region, row.tenant_id):
        raise Permanent(f"What changes in {row.region} is still captured to be carried elsewhere.")


def _target(ctx: StepContext, row: Retirement) -> tuple[Region, Target]:
    """The region and what its erasers are told; its store knows this worker as the last one, and serves nobody."""
    region = region_named(row.region)
    _refuse_served(row, region)
    in_force = fences.raise_job_epoch(region, row.tenant_id, RESOURCE, ctx.epoch)
    if in_force != ctx.epoch:
        raise Superseded(f"{region.name} is at epoch {in_force}, this worker at {ctx.epoch}")
    vectors = ctx.evidence("begin")
    names = names_in(row.tenant, region.name)
    where = (vectors["provider"], vectors["index"], vectors["namespace"])
    return region, Target(row.pk, names, "tenant", ctx.epoch, None, (), *where)


def _erasers(region: Region, target: Target) -> dict[str, Eraser]:
    """All but what keeps the series of several regions in one place: those go with the tenant."""
    found = erasers_of(region, target)
    return {name: one for name, one in found.items() if not (one.system == "metrics" and _is_shared(region))}


def _is_shared(region: Region) -> bool:
    others = [one.metrics for one in regions().values() if one.name != region.name]
    return region.metrics is not None and region.metrics in others


def _rows(row: Retirement) -> list[Listed]:
    """The region's systems in the inventory."""
    shared = _is_shared(region_named(row.region))
    return [one for one in connected() if one.region == row.region and not (shared and one.verifier == "metrics")]


def _looked(ctx: StepContext, row: Retirement) -> dict[str, Any]:
    region, found = region_named(row.region), dict[str, Any]()
    for one in _rows(row):
        ctx.heartbeat(len(found))
        answer = verifier_of(one.verifier).look(Question(region, row.tenant_id, row.tenant.name, "tenant", row.pk))
        found[one.name] = {"found": answer.found, "listed": answer.listed, "why": answer.why}
    return found


def _all_listed(ctx: StepContext, row: Retirement) -> None:
    """Every system that is erased has somebody who looks at it: one that the inventory lacks would pass unseen."""
    region, target = _target(ctx, row)
    if missing := set(_erasers(region, target)) - {one.name for one in _rows(row)}:
        raise Permanent(f"The inventory does not list {', '.join(sorted(missing))}, so nobody would look there.")


def _was_to_be(ctx: StepContext, name: str, one: dict[str, Any]) -> bool:
    listed, gone = ctx.evidence("list")["systems"].get(name, {}), ctx.evidence("delete")
    refused = listed.get("leaves", 0) - gone["acknowledged"].get(name, 0)
    return is_explained(one, gone["told"].get(name, {}).get("outcome", ""), refused)


def _nothing_stands(row: Retirement) -> None:
    """No resource, by name or tag. One that a key service destroys on a later day is no longer in use."""
    region = region_named(row.region)
    names = names_in(row.tenant, region.name)
    left = sweep.residue(region, names, secrets=store_of(region.name, settings.SECRETS_DIR))
    stands = [f"{one.system}: {one.resource}" for one in left.residue if one.system != "database"]
    stands += [f"{one.system} was not looked at: {one.reason}" for one in left.not_checked]
    if stands:
        raise Transient("; ".join(stands)[:900])


def _evidence(ctx: StepContext) -> dict[str, Any]:
    """By system what was listed, said to be gone and found; and the neighbours. Counts and digests, no id."""
    listed, gone = ctx.evidence("list")["systems"], ctx.evidence("delete")
    before, after = ctx.evidence("before"), ctx.evidence("look_again")
    systems = {
        name: {
            **listed.get(name, {}),
            "before": before["systems"][name]["found"],
            "acknowledged": gone["acknowledged"].get(name),
            "after": after["systems"][name]["found"],
            **gone["told"].get(name, {}),
        }
        for name in after["systems"]
    }
    return {"systems": systems, "neighbours": after["neighbours"], "verified_at": after["at"]}


def _plain(told: dict[str, Any]) -> dict[str, Any]:
    return {"outcome": told["outcome"], "until": str(told["until"]) if told.get("until") else None}
