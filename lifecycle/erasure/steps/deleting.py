"""The removal itself: every system at once, each with its own cursor in its own store."""

from collections.abc import Callable
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from datetime import date, datetime, timedelta
from threading import Event, Lock
from typing import Any

from django.conf import settings

from compliance.erasing.queries import Facts
from lifecycle.erasure.engine.target import Eraser, Target
from lifecycle.erasure.subject import facts_of, note, phase, runs, targets, unheld
from lifecycle.erasure.systems import erasers_of
from lifecycle.migration.steps.green import stack_of
from lifecycle.provisioning.terraform import commands
from lifecycle.provisioning.terraforming import execute, fresh_run, must_succeed
from lifecycle.stores import sweep
from lifecycle.stores.secrets import store_of
from portal.jobs.context import StepContext
from portal.jobs.errors import Cancelled, Skip, Transient
from portal.lib.clock import now
from portal.lib.regions import Region

LOOK_SECONDS = 0.2


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
    def total(self) -> int:
        with self._lock:
            return sum(self._done.values())


def delete(ctx: StepContext) -> dict[str, Any]:
    """Remove every listed id. Where one system refuses, the others stop at their next batch, and all go on later."""
    facts = facts_of(ctx)
    phase(ctx, facts, "deleting")
    work = {
        name: (region, eraser, target)
        for region, target in targets(ctx, facts)
        for name, eraser in erasers_of(region, target).items()
    }
    with unheld(ctx, facts):
        gone = _all(ctx, work)
    for name, number in gone.items():
        region, eraser, target = work[name]
        note(ctx, facts, name, region.name, state="deleting", acknowledged=number, **_outcome(eraser, target))
    return {"acknowledged": gone}


def _all(ctx: StepContext, work: dict[str, tuple[Region, Eraser, Target]]) -> dict[str, int]:
    tally, total = Tally(), sum(one["leaves"] for one in ctx.evidence("list")["systems"].values())
    with ThreadPoolExecutor(max_workers=max(1, len(work))) as pool:
        futures = {pool.submit(one.erase, target, tally.of(name)): name for name, (_, one, target) in work.items()}
        waiting: set[Future[int]] = set(futures)
        try:
            while waiting:
                _, waiting = wait(waiting, LOOK_SECONDS, FIRST_EXCEPTION)
                ctx.heartbeat(tally.total, total)
                if any(one.done() and one.exception() for one in futures):
                    break
        finally:
            tally.stop.set()
    return _results(futures)


def _results(futures: dict[Future[int], str]) -> dict[str, int]:
    """Each system's number; of several errors the one that says why, not that another one had stopped."""
    errors = [error for one in futures if (error := one.exception()) is not None]
    for error in sorted(errors, key=lambda one: isinstance(one, Cancelled)):
        raise error
    return {name: one.result() for one, name in futures.items()}


def _outcome(eraser: Eraser, target: Target) -> dict[str, Any]:
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
    kept = {run.region for run in runs(facts).values() if run.outcome == "retained"}
    with unheld(ctx, facts):
        places = [(region, target) for region, target in targets(ctx, facts) if region.name not in kept]
        gone = {region.name: _down(ctx, facts, region, target) for region, target in places}
    return {**gone, **dict.fromkeys(sorted(kept), "stays as long as what is locked in it")}


def _down(ctx: StepContext, facts: Facts, region: Region, target: Target) -> dict[str, Any]:
    stack = stack_of(facts.tenant, region.name, target.vector_provider)
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
    settled: list[str] = []
    for region, target in targets(ctx, facts):
        for name, eraser in erasers_of(region, target).items():
            ctx.heartbeat(len(settled))
            eraser.settle(target)
            note(ctx, facts, name, region.name, state="settled")
            settled.append(name)
    return {"settled": settled}
