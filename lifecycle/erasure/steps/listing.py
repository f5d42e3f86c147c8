"""What is to go, listed before the first of it goes: ids in their store, a Merkle root here, an entry in the ledger."""

from datetime import timedelta
from typing import Any

from bailiwick_proof.manifest import Manifest

from compliance.erasing.models import ErasureRequest
from compliance.erasing.queries import Facts
from lifecycle.erasure.engine import items
from lifecycle.erasure.engine.rows import Rows, VectorRows
from lifecycle.erasure.engine.target import Eraser, Target
from lifecycle.erasure.looking import look_everywhere, prove_eyes
from lifecycle.erasure.subject import facts_of, note, phase, targets, unheld
from lifecycle.erasure.systems import erasers_of
from portal.audit.actions import intend
from portal.audit.queries import is_anchored
from portal.jobs.context import StepContext
from portal.jobs.errors import WaitUntil
from portal.lib.clock import now
from portal.lib.regions import Region

SOON = timedelta(milliseconds=300)


def look_before(ctx: StepContext) -> dict[str, Any]:
    """What independent queries find before anything is removed: a later zero means something only beside this."""
    facts = facts_of(ctx)
    phase(ctx, facts, "manifesting")
    found = look_everywhere(ctx, facts, "before")
    return {"systems": found, "blind": prove_eyes(ctx, facts)}


def list_ids(ctx: StepContext) -> dict[str, Any]:
    """List every id, commit to all of them in one tree a system, and have the roots sealed before anything goes.

    Once the roots are on record the lists stay as they are: what came later is not removed, and so is found.
    """
    facts = facts_of(ctx)
    if "intent" not in ctx.step.evidence:
        with unheld(ctx, facts):
            ctx.note(systems=_listed(ctx, facts))
        _intend(ctx, facts)
    anchored = ErasureRequest.objects.filter(is_anchored(ctx.step.evidence["intent"]), pk=facts.request.pk)
    if not anchored.exists():
        raise WaitUntil(now() + SOON, "The manifest is being sealed in the ledger.")
    return dict(ctx.step.evidence)


def _listed(ctx: StepContext, facts: Facts) -> dict[str, Any]:
    found = {}
    for region, target in targets(ctx, facts):
        for name, eraser in erasers_of(region, target).items():
            manifest = _manifest(ctx, facts, region, target, eraser, name)
            found[name] = {"root": manifest.root, "leaves": manifest.leaves, "region": region.name}
            tree = {"manifest_root": manifest.root, "manifest_leaves": manifest.leaves}
            note(ctx, facts, name, region.name, state="listed", targeted=manifest.leaves, **tree)
    return found


def _manifest(ctx: StepContext, facts: Facts, region: Region, target: Target, eraser: Eraser, name: str) -> Manifest:
    items.reopen(region, target, eraser.system)
    if isinstance(eraser, Rows | VectorRows):
        eraser.list_into_items(target)
    else:
        items.put(region, target, eraser.system, eraser.ids(target))
    manifest = Manifest(facts.key, name)
    for id_ in items.each(region, facts.request.pk, eraser.system):
        manifest.add(id_)
        if manifest.leaves % 1000 == 0:
            ctx.heartbeat(manifest.leaves)
    return manifest


def _intend(ctx: StepContext, facts: Facts) -> None:
    """One transaction: the roots in the ledger, and this step's word that they are there."""
    systems = ctx.step.evidence["systems"]
    roots = {name: [one["root"], one["leaves"]] for name, one in systems.items()}
    with ctx.fenced():
        row = ErasureRequest.objects.get(pk=facts.request.pk)
        ctx.note(intent=intend("erasure.listed", row, actor=ctx.actor, data={"manifest": roots}))
