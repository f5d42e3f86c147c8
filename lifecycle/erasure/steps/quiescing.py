"""Before anything is removed: nothing else works on the tenant, and nobody writes what is to go."""

from datetime import timedelta
from typing import Any

import httpx
from django.conf import settings

from compliance.erasing import running
from compliance.erasing.queries import Facts
from lifecycle.erasure.engine import subject as people
from lifecycle.erasure.engine.denying import deny
from lifecycle.erasure.engine.target import Target
from lifecycle.erasure.subject import facts_of, is_over, phase, places_of, targets, unheld
from lifecycle.exports import actions as exports
from lifecycle.holding.fencing import bring
from lifecycle.provisioning.subject import region_named
from lifecycle.stores.postgres import fences
from lifecycle.stores.secrets import store_of
from portal.jobs.context import StepContext
from portal.jobs.errors import Skip, WaitUntil
from portal.lib.clock import now
from portal.lib.regions import Region
from tenants import actions as registry
from tenants import connect
from tenants.models import Status, Tenant
from tenants.queries import platform_url

SOON = timedelta(seconds=1)


def begin(ctx: StepContext) -> dict[str, Any]:
    """Take every store that knows the tenant into account, once no move is under way."""
    facts = facts_of(ctx)
    if facts.tenant.operation:
        said = f"The tenant is in the middle of an operation ({facts.tenant.operation}): let it end, or take it back."
        raise WaitUntil(now() + timedelta(seconds=30), said)
    with unheld(ctx, facts):
        if waiting := exports.end_all(facts.tenant.pk, f"{facts.request} begins", actor=ctx.actor):
            raise WaitUntil(now() + SOON, f"{', '.join(map(str, waiting))} is deleted first: it is a copy of the data.")
        running.started(facts.request.pk, ctx.job.pk, actor=ctx.actor)
    ctx.note(places=ctx.step.evidence.get("places") or places_of(facts))
    if is_over(facts):
        for name in ctx.step.evidence["places"]:
            _take_in_again(region_named(name), facts.tenant)
    return dict(ctx.step.evidence)


def _take_in_again(region: Region, tenant: Tenant) -> None:
    """Where a first run took the tenant's control rows away: a store that has no word on holds refuses everything."""
    fences.ensure(region, tenant_id=tenant.pk, state="closed")
    bring(region, tenant.pk)


def shut_out(ctx: StepContext) -> dict[str, Any]:
    """Of a person: every store refuses what is theirs from here on; what they own by then is what goes.

    So does what the platform had noted to be deleted by then and has not: it may be theirs, and nobody wants it. Where
    nothing is to go but what a law kept, what they own by now is not asked.
    """
    facts = facts_of(ctx)
    if facts.user_id is None:
        raise Skip("It is about no single person.")
    with unheld(ctx, facts):
        places = targets(ctx, facts)
        fenced = {region.name: people.fence(region, target).placed_at for region, target in places}
        if facts.settles is not None:
            return {"refused_since": fenced}
        owned = {one for region, _ in places for one in people.documents_of(region, facts.tenant.pk, facts.user_id)}
        noted = [people.promised(region, facts.tenant.pk, fenced[region.name]) for region, _ in places]
        if any(one.are_young for one in noted):
            raise WaitUntil(now() + SOON * 5, "An upload or a deletion that had begun before comes to its end.")
        left = {one for found in noted for one in found.documents}
        running.fix_documents(facts.request.pk, sorted(owned | left), actor=ctx.actor)
    return {"refused_since": fenced, "documents": len(owned), "noted_to_be_deleted": len(left)}


def quiesce(ctx: StepContext) -> dict[str, Any]:
    """Of a whole tenant: no status, credential or bucket lets anybody in."""
    facts = facts_of(ctx)
    if facts.kind != "tenant":
        raise Skip("The tenant goes on.")
    phase(ctx, facts, "quiescing")
    with unheld(ctx, facts):
        _end_service(ctx, facts)
        return {region.name: shut(region, target) for region, target in targets(ctx, facts)}


def shut(region: Region, target: Target) -> dict[str, str]:
    """Its fence closes behind whoever slept between check and write; its credentials end, each read back."""
    has_fence = fences.set_state(region, target.tenant_id, "closed")
    return {
        "postgres": "closed" if has_fence else "no fence any more",
        **deny(region, target, store_of(region.name, settings.SECRETS_DIR)),
    }


def _end_service(ctx: StepContext, facts: Facts) -> None:
    """Nobody is let in any more, and the platform itself says so."""
    tenant = facts.tenant
    if tenant.status not in (Status.ERASING, Status.DELETED):  # deleted: something was found later, and goes again
        with ctx.fenced():
            registry.move(tenant.pk, "start_erasing", actor=ctx.actor, reason=f"{facts.request}: signed by two")
    if not platform_url(tenant.region):
        return
    try:
        served = connect.is_served(tenant)
    except httpx.HTTPError as error:
        raise WaitUntil(
            now() + SOON, f"The platform does not say whether it still lets the tenant in: {error}"
        ) from error
    if served:
        raise WaitUntil(now() + SOON, "The platform still lets the tenant in.")
