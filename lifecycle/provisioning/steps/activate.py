"""Open the doors."""

from datetime import timedelta
from typing import Any

from lifecycle.models import State
from lifecycle.news import tell
from lifecycle.provisioning.subject import request_of
from portal.jobs.context import StepContext
from portal.lib.clock import now
from tenants import actions as registry
from tenants import envelopes
from tenants.models import Status, Tenant

WATCH = timedelta(hours=72)


def activate(ctx: StepContext) -> dict[str, Any]:
    """In one transaction make the tenant active, commit its money, tell people."""
    with ctx.fenced():
        request = request_of(ctx, lock=True)
        if request.state == State.ACTIVE:
            return {"active": True}
        tenant = Tenant.objects.get(pk=request.tenant_id)
        if tenant.status == Status.PROVISIONING:
            registry.move(request.tenant_id, "activate", actor=ctx.actor, reason="validated and accepted")
            registry.watch(request.tenant_id, until=now() + WATCH, actor=ctx.actor)
        envelopes.commit(request.pk)
        request.activate()
        request.save()
        tell(request)
    return {"active": True, "watched_hours": 72}
