"""Let the champion accept the tenant before it is active, where the tier asks for it."""

from datetime import timedelta
from typing import Any

from lifecycle.models import State
from lifecycle.news import tell
from lifecycle.provisioning.subject import request_of
from portal.jobs.context import StepContext
from portal.jobs.errors import Permanent, Skip, WaitUntil
from portal.lib.clock import now


def champion(ctx: StepContext) -> dict[str, Any]:
    """Wait for the champion's acceptance; past the deadline the request expires."""
    request = request_of(ctx)
    if not request.tier.needs_champion:
        raise Skip(f"{request.tier.name} is activated without a champion's acceptance.")
    with ctx.fenced():
        request = request_of(ctx, lock=True)
        if request.state == State.VALIDATING:
            request.await_champion()
            request.champion_due_at = now() + timedelta(hours=request.tier.champion_hours)
            request.save()
            tell(request)
        overdue = request.accepted_at is None and request.champion_due_at and now() >= request.champion_due_at
        if overdue:
            request.expire()
            request.state_reason = "The champion did not accept the tenant in time."
            request.save()
    if request.accepted_at is None and not overdue:
        raise WaitUntil(request.champion_due_at, f"Waiting for {request.champion.display_name} to accept the tenant")
    if overdue:
        raise Permanent(request.state_reason)
    return {"accepted_by": str(request.accepted_by_id), "accepted_at": request.accepted_at}
