"""The steps of an export. Each may be killed at any instruction and run again.

What a step writes goes into a folder of its attempt, and counts once the job's evidence names that folder: a part that
was begun twice is there once, and who was overtaken writes where nobody looks.
"""

from datetime import timedelta
from typing import Any
from uuid import UUID

from bailiwick_proof.canonical import canonical
from django.conf import settings

from compliance.holds.errors import Retained
from compliance.holds.queries import is_held
from lifecycle.migration.engine.move import Held as Held_
from lifecycle.migration.vectors import held_in
from lifecycle.naming.queries import names_in
from lifecycle.provisioning.subject import region_named
from lifecycle.stores.errors import Held
from portal.audit.actions import intend
from portal.audit.evidence import receipt_of
from portal.audit.models import Entry
from portal.audit.queries import is_anchored
from portal.jobs.context import StepContext
from portal.jobs.errors import Permanent, Skip, Superseded, WaitUntil
from portal.jobs.outbox import emit
from portal.lib.clock import now

from . import actions, registry
from .engine import checking, originals, removing
from .engine import manifest as papers
from .engine import rows as tables
from .engine import vectors as outside
from .engine.place import Place, ensure_bucket, place_of
from .engine.writing import written
from .models import Export, State

AGAIN, SOON = timedelta(minutes=5), timedelta(milliseconds=300)
VERB = "export.verified"


def begin(ctx: StepContext) -> dict[str, Any]:
    """Wait until the tenant stands still where it is; from here on something of it may lie in the store."""
    found = export_of(ctx)
    if found.tenant.operation:
        raise WaitUntil(now() + timedelta(seconds=30), f"The tenant is in an operation ({found.tenant.operation}).")
    if found.tenant.region != found.region:
        raise Permanent(f"The tenant is served from {found.tenant.region} meanwhile: ask again.")
    region = region_named(found.region)
    held = held_in(found.tenant, region.name, "")
    with ctx.fenced():
        _making(found).filter(began_at=None).update(began_at=now())
    ensure_bucket(region)
    return {"provider": held.provider, "index": held.index, "namespace": held.namespace}


def rows(ctx: StepContext) -> dict[str, Any]:
    """Every row of one snapshot, counted in it by other eyes; and what the portal keeps of the tenant."""
    found, place, attempt = _work(ctx)
    beat = _beat(ctx)
    dumped = tables.dump(place, attempt, found.tenant_id, found.tenant.name, beat)
    entries = [written(place, attempt, path, data, beat) for path, data in registry.files(found.tenant)]
    return {
        "attempt": attempt,
        "files": [one.plain for one in [*dumped.files, *entries]],
        "snapshot": dumped.snapshot,
        "as_of": dumped.at.isoformat(),
        "counted": dumped.counted,
        "schema": dumped.schema,
    }


def vectors(ctx: StepContext) -> dict[str, Any]:
    """Vectors that are no rows."""
    held = Held_(**ctx.evidence("begin"))
    if held.as_rows:
        raise Skip("They are among the rows.")
    _, place, attempt = _work(ctx)
    done = outside.dump(place, attempt, held, _beat(ctx))
    return {"attempt": attempt, "files": [done.plain], "total": done.lines}


def objects(ctx: StepContext) -> dict[str, Any]:
    """Originals, by one list that is kept: an attempt after it goes on with the same one."""
    found, place, attempt = _work(ctx)
    bucket = names_in(found.tenant, found.region).bucket
    beat = _beat(ctx)
    if not ctx.step.evidence.get("attempt"):
        originals.list_all(place, attempt, bucket, beat)
        ctx.note(attempt=attempt)
    attempt = str(ctx.step.evidence["attempt"])
    try:
        index, total, size = originals.copy_all(place, attempt, bucket, beat)
    except originals.Changed:
        ctx.note(attempt="")
        raise
    return {"attempt": attempt, "files": [index.plain], "total": total, "bytes": size}


def manifest(ctx: StepContext) -> dict[str, Any]:
    """The letter, the index over every file, and the manifest over the index."""
    found, place, attempt = _work(ctx)
    beat, dumped, copied = _beat(ctx), ctx.evidence("rows"), ctx.evidence("objects")
    beside = ctx.evidence("vectors")
    places = {"rows": dumped["attempt"], "registry": dumped["attempt"], "objects": copied["attempt"], "": attempt}
    places["vectors"] = beside.get("attempt", dumped["attempt"])
    said = {
        "format": papers.FORMAT,
        "export": str(found),
        "tenant": str(found.tenant_id),
        "name": found.tenant.name,
        "region": found.region,
        "as_of": dumped["as_of"],
        "snapshot": dumped["snapshot"],
        "schema": dumped["schema"],
        "rows": dumped["counted"],
        "objects": copied["total"],
        **({"vectors": beside["total"]} if "total" in beside else {}),
    }
    letter = papers.write_letter(place, attempt, said, beat)
    files = [*dumped["files"], *beside.get("files", []), *copied["files"], letter.plain]
    index = papers.write_index(place, attempt, files, places, beat)
    said |= {
        "files": len(files) + copied["total"],
        "bytes": sum(one["bytes"] for one in files) + copied["bytes"],
        "index": {"path": index.path, "sha256": index.sha256},
    }
    return {"manifest": said, "digest": papers.write_manifest(place, attempt, said, beat), "places": places}


def verify(ctx: StepContext) -> dict[str, Any]:
    """Every file once more, from the store, by code that wrote none of it; lines against the other eyes' counts."""
    _, place, _ = _work(ctx)
    said = ctx.evidence("manifest")
    key_of = key_in(place, said["places"])
    seen = checking.check(place.s3, place.bucket, key_of, canonical(said["manifest"]), _beat(ctx))
    checking.compare(seen, said["manifest"], ctx.evidence("rows")["counted"])
    _tidy(ctx, place, said["places"])
    return {"files": seen.files, "bytes": seen.bytes, "at": now().isoformat()}


def seal(ctx: StepContext) -> dict[str, Any]:
    """The manifest as an entry of the ledger; once that is anchored its receipt is put beside it, and it is ready."""
    found, place, _ = _work(ctx)
    said = ctx.evidence("manifest")
    if "intent" not in ctx.step.evidence:
        with ctx.fenced():
            ctx.note(intent=intend(VERB, found, actor=ctx.actor, data=said["manifest"]))
    if not Export.objects.filter(is_anchored(ctx.step.evidence["intent"]), pk=found.pk).exists():
        raise WaitUntil(now() + SOON, "The manifest is being sealed in the ledger.")
    entry = Entry.objects.get(pk=ctx.step.evidence["intent"])
    proof = canonical({"entry": entry.body, "receipt": receipt_of(entry).decode()})
    written(place, said["places"][""], papers.PROOF, proof, _beat(ctx))
    with ctx.fenced():
        _ready(ctx, found, said)
    return {**ctx.step.evidence, "ready": str(found)}


def _ready(ctx: StepContext, found: Export, said: dict[str, Any]) -> None:
    row, checked = _making(found).get(), ctx.evidence("verify")
    row.state, row.digest, row.places, row.found = State.READY, said["digest"], said["places"], said["manifest"]
    row.verified_at, row.as_of = now(), said["manifest"]["as_of"]
    row.files, row.bytes = checked["files"], checked["bytes"]
    row.expires_at = now() + timedelta(days=settings.EXPORTS["days"])
    row.save()
    emit("export.ready", {"export_id": str(row.pk)})


def delete(ctx: StepContext) -> dict[str, Any]:
    """Every file and open upload of it, unless a hold stands; it waits for that, and nothing further goes."""
    found = export_of(ctx)
    if found.state == State.DELETED:
        return {"files": 0}
    place = _place(found)
    try:
        if is_held(found.tenant_id):
            raise Retained(found.tenant_id, "export.delete")
        files = removing.remove(place, lambda key: False, _beat(ctx))
    except Held as held:
        raise WaitUntil(now() + AGAIN, Retained(found.tenant_id, "export.delete", place=held.system).detail) from held
    except Retained as refusal:
        raise WaitUntil(now() + AGAIN, refusal.detail) from refusal
    if left := removing.left(place):
        raise Permanent(f"{left} files of {found} are still there.")
    total = files + int(ctx.step.evidence.get("files", 0))
    with ctx.fenced():
        actions.gone(actions.locked(found.pk), total, actor=ctx.actor)
    return {"files": total}


def export_of(ctx: StepContext) -> Export:
    rows = Export.objects.select_related("tenant__tier", "tenant__business_unit", "tenant__owner", "tenant__champion")
    return rows.get(pk=UUID(ctx.params["export_id"]))


def key_in(place: Place, places: dict[str, str]) -> Any:
    """Where a path of the export lies in the store."""
    return lambda path: place.key(places[papers.folder_of(path)], path)


def _work(ctx: StepContext) -> tuple[Export, Place, str]:
    """The export, its place, and this attempt's folder: every claim of a job has an epoch of its own."""
    found = export_of(ctx)
    if found.state != State.MAKING:
        raise Superseded(f"{found} is {found.state}")
    return found, _place(found), str(ctx.epoch)


def _place(found: Export) -> Place:
    region = region_named(found.region)
    return place_of(region, names_in(found.tenant, region.name), found.prefix)


def _making(found: Export) -> Any:
    """The row as long as it is being made: one that was ended meanwhile is nobody's to finish."""
    rows = Export.objects.filter(pk=found.pk, state=State.MAKING)
    if not rows.exists():
        raise Superseded(f"{found} was ended meanwhile")
    return rows


def _beat(ctx: StepContext) -> Any:
    """Asked at every line and before every call: it renews the lease, and stops who was overtaken or is cancelled."""
    return lambda: ctx.heartbeat()


def _tidy(ctx: StepContext, place: Place, places: dict[str, str]) -> None:
    """Take away what abandoned attempts left, and the list of originals; under a hold it stays until all of it goes."""

    def keep(key: str) -> bool:
        attempt, _, path = key.removeprefix(place.prefix).partition("/")
        return path != originals.LISTING and places.get(papers.folder_of(path)) == attempt

    try:
        removing.remove(place, keep, _beat(ctx))
    except Held:
        ctx.log("A hold stands: what abandoned attempts left stays until the export goes.")
