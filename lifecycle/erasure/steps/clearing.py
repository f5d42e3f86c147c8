"""After a run that was cancelled in the middle: no list and no fence of it stays in any store."""

from typing import Any
from uuid import UUID

from compliance.erasing import queries, running
from lifecycle.erasure.engine import items
from lifecycle.erasure.engine import subject as people
from lifecycle.erasure.subject import regions, target_of, tell_gone
from portal.jobs.context import StepContext

NOWHERE = {"provider": "", "index": "", "namespace": ""}


def clear_up(ctx: StepContext) -> dict[str, Any]:
    """Lift the person's fence and forget the ids everywhere; then the request's key may go."""
    facts = queries.facts(UUID(ctx.params["request_id"]))
    tell_gone(facts.request.pk, ctx.actor)
    for region in regions().values():
        if facts.user_id is not None:
            people.lift(region, target_of(facts, region.name, ctx.epoch, NOWHERE))
        items.forget(region, facts.request.pk)
    running.cleared_up(facts.request.pk, actor=ctx.actor)
    return {"cleared": sorted(regions())}
