"""What is to go, listed before the first of it goes: ids in their store, a Merkle root here, an entry in the ledger."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from bailiwick_proof.manifest import Manifest

from compliance.erasing import running
from compliance.erasing.models import ErasureRequest
from compliance.erasing.queries import Facts
from lifecycle.erasure.engine import items
from lifecycle.erasure.engine.rows import Rows, Unsound, VectorRows
from lifecycle.erasure.engine.target import Eraser, Target
from lifecycle.erasure.looking import BEFORE, blind, look_everywhere
from lifecycle.erasure.subject import LIST, facts_of, note_all, phase, refuse, targets, unheld
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
    found = look_everywhere(ctx, facts, BEFORE)
    return {"systems": found, "blind": blind(facts)}


def list_ids(ctx: StepContext) -> dict[str, Any]:
    """List every id, commit to all of them in one tree a system, and have the roots sealed before anything goes.

    Once the roots are on record the lists stay as they are: what came later is not removed, and so is found.
    """
    facts = facts_of(ctx)
    if "intent" not in ctx.step.evidence:
        with sound(ctx, facts):
            _commit(ctx, facts)
    _await_anchor(ctx, facts)
    return dict(ctx.step.evidence)


@contextmanager
def sound(ctx: StepContext, facts: Facts) -> Iterator[None]:
    """Run the block; a schema in which rows cannot be named ends the run, with the reason and without a certificate."""
    try:
        yield
    except Unsound as error:
        refuse(ctx, facts, [f"{error.system}: {error.message}"])


def list_again(ctx: StepContext, facts: Facts) -> None:
    """After a hold that met the erasure once it was listed: what came meanwhile is listed, too, under another root.

    That one is sealed before the first further id goes, as the first one was.
    """
    known = ctx.step.evidence.get("holds", ctx.evidence(LIST).get("holds", 0))
    if running.holds_met(facts.request.pk) > known:
        _commit(ctx, facts)
    if "intent" in ctx.step.evidence:
        _await_anchor(ctx, facts)


def _commit(ctx: StepContext, facts: Facts) -> None:
    met = running.holds_met(facts.request.pk)
    with unheld(ctx, facts):
        found = _listed(ctx, facts)
    roots = {name: [one["root"], one["leaves"]] for name, one in found.items()}
    with ctx.fenced():  # what restores replay, the roots in the ledger, and this step's word that they are there
        running.enter_ledger(facts.request.pk, actor=ctx.actor)  # under the seal that the first removal waits for
        entry = intend("erasure.listed", facts.request, actor=ctx.actor, data={"manifest": roots})
        ctx.note(systems=found, holds=met, intent=entry)


def _await_anchor(ctx: StepContext, facts: Facts) -> None:
    anchored = ErasureRequest.objects.filter(is_anchored(ctx.step.evidence["intent"]), pk=facts.request.pk)
    if not anchored.exists():
        raise WaitUntil(now() + SOON, "The manifest is being sealed in the ledger.")


def _listed(ctx: StepContext, facts: Facts) -> dict[str, Any]:
    found, told = {}, {}
    for region, target in targets(ctx, facts):
        for name, eraser in erasers_of(region, target).items():
            manifest = manifest_of(ctx, facts.manifest_key, region, target, eraser, name)
            found[name] = {"root": manifest.root, "leaves": manifest.leaves, "region": region.name}
            tree = {"manifest_root": manifest.root, "manifest_leaves": manifest.leaves}
            told[name, region.name] = {"state": "listed", "targeted": manifest.leaves, **tree}
    note_all(ctx, facts, told)
    return found


def manifest_of(ctx: StepContext, key: bytes, region: Region, target: Target, eraser: Eraser, name: str) -> Manifest:
    """List one system's ids in its store, with what has come since an earlier list, and commit to all of them."""
    of_rows = isinstance(eraser, Rows | VectorRows)
    items.reopen(region, target, eraser.system, in_order=of_rows)
    if isinstance(eraser, Rows | VectorRows):
        eraser.list_into_items(target)
    else:
        items.put(region, target, eraser.system, eraser.ids(target))
    manifest = Manifest(key, name)
    for id_ in items.each(region, target.request_id, eraser.system):
        manifest.add(id_)
        if manifest.leaves % 1000 == 0:
            ctx.heartbeat(manifest.leaves)
    return manifest
