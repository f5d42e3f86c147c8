"""The job that draws and asks. A worker that dies in it leaves nothing, and its successor draws others."""

from typing import Any

from portal.jobs.context import StepContext
from portal.jobs.errors import Skip
from portal.jobs.kinds import JobKind, StepDef

from . import drawing
from .actions import KIND, keep
from .models import Draw, State


def ask(ctx: StepContext) -> dict[str, Any]:
    """Draw, ask every verifier for each, keep the answers."""
    made = Draw.objects.select_related("request__tenant").get(pk=ctx.job.subject_id)
    if made.state != State.RUNNING:
        raise Skip("It is answered.")
    found: list[dict[str, Any]] = []
    for one in drawing.draw(made.request):
        ctx.heartbeat(len(found))
        shown = {"leaf": one.leaf, "system": one.system, "region": one.region.name}
        found.append({**shown, "answers": drawing.answers(one, made.request)})
    with ctx.fenced():
        keep(made.pk, found, actor=ctx.actor)
    return {"ids": len(found)}


DRAW = JobKind(
    name=KIND,
    title="Draw ids of an erasure",
    is_cancellable=False,
    steps=[StepDef("ask", "Draw and ask", ask, eta_seconds=10, lease_seconds=330)],
)
