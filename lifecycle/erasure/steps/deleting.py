"""The removal itself: every system at once, each with its own cursor in its own store."""

import time
from collections.abc import Callable
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from datetime import date, datetime, timedelta
from threading import Event, Lock
from typing import Any

from django.conf import settings

from compliance.erasing import running
from compliance.erasing.queries import Facts, staying
from lifecycle.erasure.engine.target import Eraser, Target
from lifecycle.erasure.steps.listing import list_again, sound
from lifecycle.erasure.subject import BEGIN, facts_of, kept_in, manifests, note_all, phase, runs, targets, unheld
from lifecycle.erasure.systems import erasers_of
from lifecycle.migration.steps.green import stack_of
from lifecycle.provisioning.terraform import commands
from lifecycle.provisioning.terraforming import execute, fresh_run, must_succeed
from lifecycle.stores import sweep
from lifecycle.stores.secrets import store_of
from portal.jobs.context import StepContext
from portal.jobs.errors import Cancelled, Permanent, Skip, Transient
from portal.lib.clock import now
from portal.lib.regions import Region
from tenants.models import Tenant

LOOK_SECONDS, NOTE_SECONDS = 0.2, 1.0
Work = dict[str, tuple[Region, Eraser, Target]]
Told = Callable[[dict[str, int]], bool]


class Tally:
    """Counts what threads report, and lets each of them go on until somebody says stop."""

    def __init__(self) -> None:
        self._lock, self.stop = Lock(), Event()
        self._done: dict[str, int] = {}

    def of(self, name: str) -> Callable[[int], None]:
        """What an eraser tells of its batches."""

        def alive(done: int) -> None:
            if self.stop.is_set():
                raise Cancelled("Another system has stopped this erasure.")
            with self._lock:
                self._done[name] = done

        return alive

    @property
    def done(self) -> dict[str, int]:
        with self._lock:
            return dict(self._done)


def delete(ctx: StepContext) -> dict[str, Any]:
    """Remove every listed id. Where one system refuses, the others stop at their next batch, and all go on later.

    After a hold it is listed anew what there is to go.
    """
    facts = facts_of(ctx)
    phase(ctx, facts, "deleting")
    with sound(ctx, facts):
        list_again(ctx, facts)
    work = {
        name: (region, eraser, target)
        for region, target in targets(ctx, facts)
        for name, eraser in erasers_of(region, target).items()
    }
    with sound(ctx, facts), unheld(ctx, facts):
        gone = remove_all(ctx, work, sum(one["leaves"] for one in manifests(ctx).values()), _noting(ctx, facts, work))
    told = {
        (name, region.name): {"acknowledged": gone[name], **outcome_of(eraser, target)}
        for name, (region, eraser, target) in work.items()
    }
    note_all(ctx, facts, told)
    return {"acknowledged": gone}


def _noting(ctx: StepContext, facts: Facts, work: Work) -> Told:
    """Keeps what is gone while it goes: a hold, a failure or a cancellation says it, whenever it comes."""

    def told(done: dict[str, int]) -> bool:
        gone = {(name.removesuffix(f"-{(at := work[name][0].name)}"), at): number for name, number in done.items()}
        return running.note_gone(facts.request.pk, gone, actor=ctx.actor)

    return told


def remove_all(ctx: StepContext, work: Work, total: int, told: Told = lambda done: True) -> dict[str, int]:
    """Run all erasers at once, and stop all when one cannot go on; returns how many ids each says are gone.

    `told` hears every second, and when the last batch has ended, how many are; where it says no, all stop.
    """
    tally = Tally()
    try:
        futures = _run(ctx, work, total, tally, told)
    finally:
        is_wanted = told(tally.done)
    if not is_wanted:
        raise Permanent("It was cancelled: no further batch is removed.")
    return _results(futures)


def _run(ctx: StepContext, work: Work, total: int, tally: Tally, told: Told) -> dict[Future[int], str]:
    """Every future, all of them done: with the first error, or a word that it is over, the others stop."""
    noted = time.monotonic()
    with ThreadPoolExecutor(max_workers=max(1, len(work))) as pool:
        futures = {pool.submit(one.erase, target, tally.of(name)): name for name, (_, one, target) in work.items()}
        waiting: set[Future[int]] = set(futures)
        try:
            while waiting and not any(one.done() and one.exception() for one in futures):
                _, waiting = wait(waiting, LOOK_SECONDS, FIRST_EXCEPTION)
                ctx.heartbeat(sum(tally.done.values()), total)
                if time.monotonic() - noted >= NOTE_SECONDS:
                    noted = time.monotonic()
                    if not told(tally.done):
                        break
        finally:
            tally.stop.set()
    return futures


def _results(futures: dict[Future[int], str]) -> dict[str, int]:
    """Each system's number; of several errors the one that says why, not that another one had stopped."""
    errors = [error for one in futures if (error := one.exception()) is not None]
    for error in sorted(errors, key=lambda one: isinstance(one, Cancelled)):
        raise error
    return {name: one.result() for one, name in futures.items()}


def outcome_of(eraser: Eraser, target: Target) -> dict[str, Any]:
    """What deleting does not explain: what a lock keeps, what nobody need or can delete."""
    retained = getattr(eraser, "retained", {})
    hint = eraser.hint(target) if hasattr(eraser, "hint") else None
    if retained:
        until = max(_until(reason) for reason in retained.values())
        return {
            "outcome": "retained",
            "until": until,
            "limits": f"{len(retained)} kept, one by {min(retained.values())}",
        }
    if hint is not None:
        return {"outcome": hint.outcome, "until": hint.until, "method": hint.reason, "limits": hint.reason}
    return {"outcome": ""}


def _until(reason: str) -> date:
    """The day in an object store's words; one that names none is asked about again in a month."""
    _, _, said = reason.partition(" until ")
    return datetime.fromisoformat(said).date() if said else now().date() + timedelta(days=30)


def take_down(ctx: StepContext) -> dict[str, Any]:
    """Of a whole tenant: what Terraform made for it, and what only carries its name or tag."""
    facts = facts_of(ctx)
    if facts.kind != "tenant":
        raise Skip("The tenant goes on.")
    kept = {run.region for run in runs(facts).values() if run.outcome == "retained" or run.kept}
    if facts.settles is not None:
        kept |= {name for name in ctx.evidence(BEGIN)["places"] if kept_in(facts, name) or _holds_more(facts, name)}
    with unheld(ctx, facts):
        places = [(region, target) for region, target in targets(ctx, facts) if region.name not in kept]
        gone = {region.name: down(ctx, facts.tenant, region, target) for region, target in places}
    return {**gone, **dict.fromkeys(sorted(kept), "stays as long as what is kept in it")}


def _holds_more(facts: Facts, region: str) -> bool:
    """Whether something else of the deleted tenant stays there: what an earlier erasure kept, or a lock does still."""
    return any(one != facts.settles for one in staying(region).get(facts.tenant.pk, []))


def down(ctx: StepContext, tenant: Tenant, region: Region, target: Target) -> dict[str, Any]:
    """Destroy what Terraform knows of the tenant in the region, then whatever only carries its name or tag."""
    stack = stack_of(tenant, region.name, target.vector_provider)
    run = fresh_run(ctx, stack)
    listed = commands.state_list(run)
    if listed:
        must_succeed(run, execute(ctx, run, "destroy"))
    secrets = store_of(region.name, settings.SECRETS_DIR)
    _, failed = sweep.purge(region, target.names, secrets=secrets, before_page=lambda system, done: ctx.heartbeat(done))
    if failed:
        raise Transient("; ".join(f"{one.system}: {one.reason}" for one in failed))
    return {"resources": len(listed)}


def settle(ctx: StepContext) -> dict[str, Any]:
    """Wait for each store's own sign that the removal shows everywhere."""
    facts = facts_of(ctx)
    phase(ctx, facts, "settling")
    settled, told = list[str](), {}
    for region, target in targets(ctx, facts):
        for name, eraser in erasers_of(region, target).items():
            ctx.heartbeat(len(settled))
            eraser.settle(target)
            told[name, region.name] = {"state": "settled"}
            settled.append(name)
    note_all(ctx, facts, told)
    return {"settled": settled}
