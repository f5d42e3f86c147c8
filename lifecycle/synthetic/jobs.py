"""The job of one synthetic erasure: plant, ask, wait for the certificate, look at everything, conclude."""

from datetime import timedelta
from typing import Any

from django.conf import settings

from compliance.erasing.models import State as Erasure
from compliance.synthetic import actions
from compliance.synthetic.models import State, SyntheticErasure
from compliance.synthetic.queries import KIND
from lifecycle.erasure.subject import regions
from portal.jobs.context import StepContext
from portal.jobs.errors import Permanent, Skip, WaitUntil
from portal.jobs.kinds import JobKind, StepDef
from portal.lib.clock import now

from .checking import checked, is_on_its_way
from .planting import plant

AGAIN = timedelta(seconds=30)
STOPPED = (Erasure.FAILED, Erasure.NOT_CERTIFIABLE, Erasure.REFUSED, Erasure.CANCELLED)


def put_there(ctx: StepContext) -> dict[str, Any]:
    """Plant the person in the sandbox of the region."""
    run = _run(ctx)
    sandbox = run.sandbox
    region = regions().get(sandbox.region)
    if region is None or sandbox.tenant.region != sandbox.region:
        raise Permanent(f"The sandbox is not in {sandbox.region}, or that is not connected.")
    return {"planted": plant(region, sandbox.tenant, run.person)}


def ask(ctx: StepContext) -> dict[str, Any]:
    """Ask for the erasure, as software may of somebody made up."""
    return {"request": str(actions.ask(_run(ctx).pk, actor=ctx.actor))}


def wait(ctx: StepContext) -> dict[str, Any]:
    """Until it is certified and brought to people, or has stopped, or takes too long."""
    run = _run(ctx)
    assert run.request is not None
    state = run.request.state
    is_late = now() - run.started_at > timedelta(hours=settings.SYNTHETIC["hours"])
    if state in STOPPED:
        return {"stopped": f"{run.request} is {run.request.get_state_display()}: {' '.join(run.request.reasons)}"}
    if state != Erasure.COMPLETED and is_late:
        return {"stopped": f"{run.request} is still {run.request.get_state_display()} after {now() - run.started_at}."}
    if state != Erasure.COMPLETED or (is_on_its_way(run) and not is_late):
        raise WaitUntil(now() + AGAIN, f"{run.request} is {run.request.get_state_display()}.")
    return {"completed": str(run.request)}


def look(ctx: StepContext) -> dict[str, Any]:
    """As a stranger: the paper, its delivery, and every store."""
    if why := ctx.evidence("wait").get("stopped", ""):
        return {"checks": [], "why": why}
    return {"checks": checked(_run(ctx)), "why": ""}


def conclude(ctx: StepContext) -> dict[str, Any]:
    """Keep it. One that did not pass is an alarm."""
    found = ctx.evidence("look")
    with ctx.fenced():
        run = actions.conclude(_run(ctx).pk, found["checks"], found["why"], actor=ctx.actor)
    return {"state": str(run.state), "seconds": run.seconds}


def _run(ctx: StepContext) -> SyntheticErasure:
    rows = SyntheticErasure.objects.select_related("sandbox__tenant__business_unit", "request")
    run = rows.get(pk=ctx.job.subject_id)
    if run.state != State.RUNNING:
        raise Skip(f"It is over: {run.get_state_display()}.")
    return run


SYNTHETIC = JobKind(
    name=KIND,
    title="Erase a made-up person",
    steps=[
        StepDef("plant", "Plant the person", put_there, eta_seconds=2, lease_seconds=120),
        StepDef("ask", "Ask for the erasure", ask, eta_seconds=5, lease_seconds=60),
        StepDef("wait", "Wait for the certificate", wait, eta_seconds=1500),
        StepDef("look", "Look at everything", look, eta_seconds=5, lease_seconds=120),
        StepDef("conclude", "Conclude", conclude, eta_seconds=1),
    ],
)
