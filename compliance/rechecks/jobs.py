"""The job that looks: system by system, each answer kept as it comes, so that a killed worker's successor goes on."""

from typing import Any

from compliance.supplements.facts import newest
from portal.jobs.context import StepContext
from portal.jobs.errors import Skip
from portal.jobs.kinds import JobKind, StepDef

from . import asking
from .actions import conclude
from .models import Recheck, State
from .queries import KIND, erasure_of


def look(ctx: StepContext) -> dict[str, Any]:
    """Ask every connected system of the inventory as it is now, and those that stood on the certificate with it."""
    made = _recheck(ctx)
    request = erasure_of(made.certificate)
    if request is None:
        raise Skip("No erasure belongs to the certificate.")
    core = newest(made.certificate).certified  # a supplement may have said since that a part is gone
    said: dict[str, Any] = dict(ctx.step.evidence.get("systems", {}))
    for row in asking.connected():
        ctx.heartbeat(len(said))
        if row.name not in said:
            said[row.name] = asking.ask(row, core, request).plain()
            ctx.note(systems=said)
    return {"systems": said}


def judge(ctx: StepContext) -> dict[str, Any]:
    """Keep it, and draw the consequences."""
    with ctx.fenced():
        made = conclude(_recheck(ctx).pk, list(ctx.evidence("look").get("systems", {}).values()), actor=ctx.actor)
    return {"state": made.state}


def _recheck(ctx: StepContext) -> Recheck:
    made = Recheck.objects.select_related("certificate").get(pk=ctx.job.subject_id)
    if made.state != State.RUNNING:
        raise Skip(f"It is over: {made.get_state_display()}.")
    return made


RECHECK = JobKind(
    name=KIND,
    title="Look into a certificate again",
    is_cancellable=False,
    steps=[
        StepDef("look", "Ask every system", look, eta_seconds=5, lease_seconds=330),
        StepDef("judge", "Conclude", judge, eta_seconds=1),
    ],
)
