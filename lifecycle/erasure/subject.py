"""What every step needs of its erasure: the request, its stores, and what an eraser is told of each."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any, NoReturn
from uuid import UUID

from django.conf import settings

from compliance.erasing import queries, running
from compliance.erasing.models import State, SystemRun
from compliance.erasing.queries import Facts
from compliance.holds.errors import Retained
from compliance.holds.queries import is_held
from lifecycle.migration.vectors import held_in
from lifecycle.naming.queries import names_in
from lifecycle.stores.errors import Held, StoreError
from lifecycle.stores.postgres import fences
from portal.access.actor import Actor
from portal.audit.context import acting
from portal.jobs.context import StepContext
from portal.jobs.errors import Permanent, Superseded, WaitUntil
from portal.lib.clock import now
from portal.lib.regions import Region, load
from tenants.models import Status, Tenant

from .engine import items
from .engine.target import Target, resource_of

AGAIN = timedelta(minutes=5)
KEPT_BESIDE = ("postgres", "vectors")
BEGIN, LIST, DELETE = "begin", "list", "delete"


def facts_of(ctx: StepContext) -> Facts:
    """The request with the key and the reference that only a running erasure has. One that is over ends its job.

    At once, and not after so many tries: what clears up after it, and whoever asks anew, waits for this job to end.
    """
    found = queries.facts(UUID(ctx.params["request_id"]))
    if not found.request.is_open:
        raise Permanent(f"The erasure is {found.request.get_state_display()}: nothing further is removed.")
    return found


def regions() -> dict[str, Region]:
    return load(settings.REGIONS_FILE) if settings.REGIONS_FILE.is_file() else {}


def places_of(facts: Facts) -> dict[str, dict[str, str]]:
    """Where it is at work: of one part in that part's own region."""
    if facts.settles is None:
        return found_in(facts.tenant)
    name = region_of(facts.settles.system)
    return {name: _vectors_in(facts.tenant, name)}


def region_of(system: str) -> str:
    """The region in a system's name; Permanent where it names none that is connected."""
    found = max((name for name in regions() if system.endswith(f"-{name}")), key=len, default="")
    if not found:
        raise Permanent(f"{system} is in no region that is connected.")
    return found


def found_in(tenant: Tenant) -> dict[str, dict[str, str]]:
    """Every region whose store knows the tenant, with where its vectors are: copies that a move left count too."""
    places = {}
    for region in regions().values():
        if region.name == tenant.region or fences.knows(region, tenant.pk):
            places[region.name] = _vectors_in(tenant, region.name)
    return places


def _vectors_in(tenant: Tenant, region: str) -> dict[str, str]:
    held = held_in(tenant, region, "")
    return {"provider": held.provider, "index": held.index, "namespace": held.namespace}


def targets(ctx: StepContext, facts: Facts) -> list[tuple[Region, Target]]:
    """What is to go, region by region. Each store knows this worker as the last one before it is returned."""
    known = regions()
    found = []
    for name, vectors in ctx.evidence(BEGIN)["places"].items():
        _acknowledge(ctx, known[name], facts)
        found.append((known[name], target_of(facts, name, ctx.epoch, vectors)))
    return found


def target_of(facts: Facts, region: str, epoch: int, vectors: dict[str, str]) -> Target:
    return Target(
        request_id=facts.request.pk,
        names=names_in(facts.tenant, region),
        kind=facts.kind,  # type: ignore[arg-type]  # the model's choices are these words
        epoch=epoch,
        user_id=facts.user_id,
        documents=facts.document_ids,
        vector_provider=vectors["provider"],
        vector_index=vectors["index"],
        vector_namespace=vectors["namespace"],
        kept=kept_in(facts, region),
        only=_only_in(facts, region),
    )


def kept_in(facts: Facts, region: str) -> tuple[tuple[str, str], ...]:
    """The parts of the region's systems that a law keeps, each with its system's code."""
    parts = [(one["system"], one["part"]) for one in facts.exemptions if one["part"]]
    end = f"-{region}"
    return tuple(sorted((name.removesuffix(end), part) for name, part in parts if name.endswith(end)))


def _only_in(facts: Facts, region: str) -> tuple[tuple[str, str], ...]:
    if facts.settles is None:
        return ()
    return ((facts.settles.system.removesuffix(f"-{region}"), facts.settles.part),)


def is_asked(facts: Facts, name: str) -> bool:
    """Whether the erasure is about this system of the inventory: of one part it is about no other."""
    return facts.settles is None or facts.settles.system == name


def is_over(facts: Facts) -> bool:
    """Whether the tenant itself ends by this, or has ended before: then its stores have a word of it for this alone."""
    return facts.kind == "tenant" or facts.tenant.status == Status.DELETED


def _acknowledge(ctx: StepContext, region: Region, facts: Facts) -> None:
    resource = resource_of(facts.kind, facts.request.pk)
    in_force = fences.raise_job_epoch(region, facts.tenant.pk, resource, ctx.epoch)
    if in_force != ctx.epoch:
        raise Superseded(f"{region.name} is at epoch {in_force}, this worker at {ctx.epoch}")


def manifests(ctx: StepContext) -> dict[str, Any]:
    """Root, leaves and region by system, as they were committed to last: at the end, or once more after a hold."""
    again = ctx.evidence(DELETE).get("systems")
    return dict(again or ctx.evidence(LIST)["systems"])


@contextmanager
def unheld(ctx: StepContext, facts: Facts) -> Iterator[None]:
    """Run the block unless a hold stands. What it stops says so, and goes on by itself when the last is released."""
    try:
        if is_held(facts.tenant.pk):
            with acting(ctx.actor):
                raise Retained(facts.tenant.pk, "erasure.delete")
        if queries.is_blocked(facts.request.pk):
            request = running.hold_over(facts.request.pk, actor=ctx.actor)
            if request.state == State.LEGAL_HOLD_BLOCKED:
                raise WaitUntil(now() + AGAIN, "Released, and not every store has heard of it yet.")
        yield
    except Held as held:
        refusal = Retained(facts.tenant.pk, "erasure.delete", place=held.system)
        refusal.after(ctx.actor)
        raise _blocked(ctx, facts, refusal) from held
    except Retained as refusal:
        raise _blocked(ctx, facts, refusal) from refusal


def _blocked(ctx: StepContext, facts: Facts, refusal: Retained) -> WaitUntil:
    tell_gone(facts.request.pk, ctx.actor)
    running.hold_blocked(facts.request.pk, actor=ctx.actor)
    return WaitUntil(now() + AGAIN, refusal.detail)


def tell_gone(request_id: UUID, actor: Actor) -> None:
    """What the stores say is gone, where they keep progress beside the rows: a worker may die before it says so."""
    gone = {}
    for region in regions().values():
        for system in KEPT_BESIDE:
            with suppress(StoreError):
                if found := items.read(region, request_id, system):
                    gone[system, region.name] = found.done
    running.note_gone(request_id, gone, actor=actor)


def phase(ctx: StepContext, facts: Facts, word: str) -> None:
    """Say where the erasure is; a hold stops it here as anywhere. A step that has refused it refuses it once more."""
    if refused := ctx.step.evidence.get("refused"):
        raise _refusal(refused)
    with unheld(ctx, facts):
        if not running.is_in(facts.request, word):
            running.phase(facts.request.pk, word, actor=ctx.actor)


def runs(facts: Facts) -> dict[str, SystemRun]:
    """What is known of each system by now, by the inventory's name of it."""
    return {one.name: one for one in running.systems_of(facts.request.pk)}


def note_all(ctx: StepContext, facts: Facts, found: dict[tuple[str, str], dict[str, Any]]) -> None:
    """Keep what is known of systems, each by the inventory's name of it and its region."""
    told = {SystemRun.place(*place): said for place, said in found.items()}
    running.note_systems(facts.request.pk, told, actor=ctx.actor)


def refuse(ctx: StepContext, facts: Facts, reasons: list[str]) -> NoReturn:
    """End the run without a certificate, for these reasons; a person may have it look again."""
    ctx.note(refused=reasons)
    running.not_certifiable(facts.request.pk, reasons, actor=ctx.actor)
    raise _refusal(reasons)


def _refusal(reasons: list[str]) -> Permanent:
    return Permanent("Not certifiable: " + "; ".join(reasons)[:900])
