"""Looks whether it is all gone: at once, again after a grace, and at the neighbours."""

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings

from lifecycle.erasure import neighbours
from lifecycle.erasure.looking import look_everywhere
from lifecycle.erasure.subject import facts_of, phase
from portal.jobs.context import StepContext
from portal.jobs.errors import WaitUntil
from portal.lib.clock import now

AGAIN = "resweep"


def neighbours_before(ctx: StepContext) -> dict[str, Any]:
    """Count and hash what three others have, so that it can be seen that nobody touched it."""
    return {"at": now().isoformat(), "tenants": neighbours.taken(facts_of(ctx), now())}


def verify(ctx: StepContext) -> dict[str, Any]:
    """Every system once, with the verifiers' own eyes."""
    facts = facts_of(ctx)
    phase(ctx, facts, "verifying")
    return look_everywhere(ctx, facts, "after")


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
