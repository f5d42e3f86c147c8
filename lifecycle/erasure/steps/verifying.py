"""Looks whether it is all gone: at once, again after a grace, and at the neighbours."""

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings

from compliance.erasing.models import SystemRun
from compliance.erasing.queries import Facts
from lifecycle.erasure import neighbours
from lifecycle.erasure.looking import AFTER, BEFORE, LAST, look_everywhere
from lifecycle.erasure.subject import DELETE, facts_of, phase, refuse, runs
from portal.jobs.context import StepContext
from portal.jobs.errors import Skip, WaitUntil
from portal.lib.clock import now

AGAIN = "resweep"


def neighbours_before(ctx: StepContext) -> dict[str, Any]:
    """Count and hash what three others have, so that it can be seen that nobody touched it."""
    return {"at": now().isoformat(), "tenants": neighbours.taken(facts_of(ctx).tenant.pk, now())}


def verify(ctx: StepContext) -> dict[str, Any]:
    """Every system once, with the verifiers' own eyes, before anything goes that was not listed: the resources.

    What is left, or could not be looked at, ends the run here: what came late would be gone unseen otherwise.
    """
    facts = facts_of(ctx)
    phase(ctx, facts, "verifying")
    return _swept(ctx, facts, AFTER)


def look_late(ctx: StepContext) -> dict[str, Any]:
    """Look a last time once every task that was under way when it was deleted has ended; then it may be certified."""
    facts = facts_of(ctx)
    phase(ctx, facts, LAST)
    if now() < (until := _all_have_ended_at(ctx)):
        raise WaitUntil(until, f"Looked at a last time at {until:%H:%M:%S} UTC: what was under way has ended by then.")
    return {"systems": _swept(ctx, facts, LAST), "at": now().isoformat()}


def _all_have_ended_at(ctx: StepContext) -> datetime:
    """When no task that was under way as the last id went can live any more."""
    deleted = ctx.job.steps.get(name=DELETE).finished_at or now()
    return deleted + timedelta(seconds=settings.ERASURE["resweep_after_seconds"])


def _swept(ctx: StepContext, facts: Facts, stage: str) -> dict[str, Any]:
    """Every system once more; what came back, or could not be looked at, ends the run with the reason."""
    found = look_everywhere(ctx, facts, stage)
    if left := [*_unexplained(facts, found), *_lost(ctx, found)]:
        refuse(ctx, facts, left)
    return found


def _lost(ctx: StepContext, found: dict[str, Any]) -> list[str]:
    """What a law keeps has to be there still: as much of each table as before anything was removed, or more."""
    seen = ctx.evidence(BEFORE)["systems"]
    return [
        f"{name}: a law keeps {was} in {place}, and {one['kept'].get(place, 0)} are left"
        for name, one in found.items()
        if one["found"] is not None
        for place, was in seen.get(name, {}).get("kept", {}).items()
        if one["kept"].get(place, 0) < was
    ]


def _unexplained(facts: Facts, found: dict[str, Any]) -> list[str]:
    known = runs(facts)
    return [words(name, one) for name, one in found.items() if is_left(one) and not _was_to_be(known[name], one)]


def _was_to_be(run: SystemRun, one: dict[str, Any]) -> bool:
    return is_explained(one, run.outcome, (run.targeted or 0) - (run.acknowledged or 0))


def is_explained(one: dict[str, Any], outcome: str, refused: int) -> bool:
    """Whether what is left was to be: all of what ends by itself, of locked versions those that were refused.

    That something names nobody is said of nothing in which a name was found.
    """
    if one["found"] is None:
        return False
    return outcome == "expires" or (outcome == "retained" and max(one["found"], one["listed"] or 0) <= refused)


def is_left(one: dict[str, Any]) -> bool:
    return one["found"] is None or one["found"] > 0 or bool(one["listed"])


def words(name: str, one: dict[str, Any]) -> str:
    if one["found"] is None:
        return f"{name}: not checked, so nothing can be said of it: {one['why']}"
    return f"{name}: {max(one['found'], one['listed'] or 0)} are still there"


def grace(ctx: StepContext) -> dict[str, Any]:
    """Wait: a writer that was forgotten somewhere writes within this time.

    The neighbours are compared first: nothing is removed any more, and what they do meanwhile is their own.
    """
    facts = facts_of(ctx)
    until = ctx.step.evidence.get("until")
    if until is None:
        phase(ctx, facts, "grace")
        until = (now() + timedelta(seconds=settings.ERASURE["grace_seconds"])).isoformat()
        ctx.note(until=until, neighbours=neighbours.compared(ctx.evidence("neighbours")))
    if now().isoformat() < until:
        raise WaitUntil(
            datetime.fromisoformat(until), f"Looked at again at {until[11:19]} UTC, in case something writes still."
        )
    return dict(ctx.step.evidence)


def resweep(ctx: StepContext) -> dict[str, Any]:
    """Every system once more, unless the grace was long enough for the last look to come at once: it says the same."""
    facts = facts_of(ctx)
    if now() >= _all_have_ended_at(ctx):
        raise Skip("Whatever was under way has ended by now: the last look comes at once, and one is enough.")
    phase(ctx, facts, AGAIN)
    return {"systems": _swept(ctx, facts, AGAIN), "at": now().isoformat()}
