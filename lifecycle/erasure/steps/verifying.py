"""Looks whether it is all gone: at once, again after a grace, and at the neighbours."""

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings

from lifecycle.erasure import neighbours
from lifecycle.erasure.looking import look_everywhere
from lifecycle.erasure.subject import facts_of, phase, refuse, runs
from portal.jobs.context import StepContext
from portal.jobs.errors import WaitUntil
from portal.lib.clock import now

AGAIN = "resweep"


def neighbours_before(ctx: StepContext) -> dict[str, Any]:
    """Count and hash what three others have, so that it can be seen that nobody touched it."""
    return {"at": now().isoformat(), "tenants": neighbours.taken(facts_of(ctx), now())}


def verify(ctx: StepContext) -> dict[str, Any]:
    """Every system once, with the verifiers' own eyes, before anything goes that was not listed: the resources.

    What is left, or could not be looked at, ends the run here: what came late would be gone unseen otherwise.
    """
    facts = facts_of(ctx)
    phase(ctx, facts, "verifying")
    found = look_everywhere(ctx, facts, "after")
    explained = {name for name, run in runs(facts).items() if run.outcome}
    if left := [_words(name, one) for name, one in found.items() if _is_left(one) and name not in explained]:
        refuse(ctx, facts, left)
    return found


def _is_left(one: dict[str, Any]) -> bool:
    return one["found"] is None or one["found"] > 0 or bool(one["listed"])


def _words(name: str, one: dict[str, Any]) -> str:
    if one["found"] is None:
        return f"{name}: not checked, so nothing can be said of it: {one['why']}"
    return f"{name}: {max(one['found'], one['listed'] or 0)} are still there"


def grace(ctx: StepContext) -> dict[str, Any]:
    """Wait: a writer that was forgotten somewhere writes within this time."""
    facts = facts_of(ctx)
    until = ctx.step.evidence.get("until")
    if until is None:
        phase(ctx, facts, "grace")
        until = (now() + timedelta(seconds=settings.ERASURE["grace_seconds"])).isoformat()
        ctx.note(until=until)
    if now().isoformat() < until:
        raise WaitUntil(
            datetime.fromisoformat(until), f"Looked at again at {until[11:19]} UTC, in case something writes still."
        )
    return {"until": until}


def resweep(ctx: StepContext) -> dict[str, Any]:
    """Every system once more, and the neighbours."""
    facts = facts_of(ctx)
    phase(ctx, facts, AGAIN)
    found = look_everywhere(ctx, facts, AGAIN)
    before = ctx.evidence("neighbours")
    return {"systems": found, "neighbours": neighbours.compared(facts, before), "at": now().isoformat()}
