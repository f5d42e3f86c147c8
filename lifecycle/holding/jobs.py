"""The job that takes what the portal says of a tenant's holds into its stores."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from compliance.holds.models import StoreHold
from compliance.holds.stores import report
from portal.audit.context import acting
from portal.jobs.context import StepContext
from portal.jobs.errors import WaitUntil
from portal.jobs.kinds import JobKind, StepDef
from portal.jobs.outbox import emit
from portal.lib.clock import now

from .fencing import ask_all

AGAIN = timedelta(seconds=10)


def fence(ctx: StepContext) -> dict[str, Any]:
    """Tell every store until each has answered at the newest version. Who is away is asked again, and told of once."""
    tenant_id = UUID(ctx.params["tenant_id"])
    told = ask_all(tenant_id, ctx.actor, ctx.heartbeat)
    ctx.heartbeat()
    is_settled = report(tenant_id, told, actor=ctx.actor)
    answers = {one.region: one.state for one in told}
    if is_settled:
        return {"stores": answers}
    away = {one.region: one.why for one in told if one.state == StoreHold.Answer.PENDING}
    _alert(ctx, tenant_id, away)
    running = {f"{name} in {one.region}": why for one in told for name, why in one.not_effective.items()}
    _alert_of_systems(ctx, tenant_id, running)
    said = "Not every store has answered; what has not counts as held." if away else "Changed."
    if running:
        said = "Not as the hold wants it: " + "; ".join(f"{where}: {why}" for where, why in sorted(running.items()))
    raise WaitUntil(now() + AGAIN, said[:500])


def _alert(ctx: StepContext, tenant_id: UUID, away: dict[str, str]) -> None:
    alerted = set(ctx.step.evidence.get("alerted", []))
    for region in sorted(set(away) - alerted):
        with acting(ctx.actor):
            news = {"tenant_id": str(tenant_id), "region": region, "why": away[region], "job_id": str(ctx.job.pk)}
            emit("hold.unreached", news)
    ctx.note(alerted=sorted(alerted | set(away)), away=away)


def _alert_of_systems(ctx: StepContext, tenant_id: UUID, running: dict[str, str]) -> None:
    """Say once of each system that it may go on destroying by itself, or has not gone back to what it did."""
    alerted = set(ctx.step.evidence.get("alerted_systems", []))
    for where in sorted(set(running) - alerted):
        with acting(ctx.actor):
            news = {"tenant_id": str(tenant_id), "where": where, "why": running[where], "job_id": str(ctx.job.pk)}
            emit("hold.not_effective", news)
    ctx.note(alerted_systems=sorted(alerted | set(running)), not_effective=running)


FENCE = JobKind(
    name="hold.fence",
    title="Take a legal hold into the stores",
    steps=[StepDef("fence", "Every store", fence, eta_seconds=1, lease_seconds=120)],
    is_cancellable=False,
)
