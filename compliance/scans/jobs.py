"""The job that searches: place by place, each kept as it comes, so that a killed worker's successor goes on."""

from typing import Any

from portal.jobs.context import StepContext
from portal.jobs.errors import Skip
from portal.jobs.kinds import JobKind, StepDef

from .accounts import places
from .actions import KIND, keep
from .known import is_known
from .looks import Store, search
from .models import Scan, State

MOST = 500  # of one place; who finds more has lost the list itself


def look(ctx: StepContext) -> dict[str, Any]:
    """Search every place; of what is known only the number is kept."""
    done: dict[str, Any] = dict(ctx.step.evidence.get("places", {}))
    for place in places():
        ctx.heartbeat(len(done))
        if place.name in done:
            continue
        known, stores = is_known(place), list(search(place))
        strange = [[one.kind, one.name, one.why] for one in stores if not known(one)][:MOST]
        done[place.name] = {"stores": len(stores), "strange": strange}
        ctx.note(places=done)
    return {"places": done}


def conclude(ctx: StepContext) -> dict[str, Any]:
    """Keep it, and ask for a signature."""
    found = ctx.evidence("look").get("places", {})
    given = {name: (one["stores"], [Store(*said) for said in one["strange"]]) for name, one in found.items()}
    with ctx.fenced():
        row = Scan.objects.get(pk=ctx.job.subject_id)
        if row.state != State.RUNNING:
            raise Skip("It is over.")
        keep(row.pk, given, actor=ctx.actor)
    return {"places": len(found)}


SCAN = JobKind(
    name=KIND,
    title="Search every account",
    is_cancellable=False,
    steps=[
        StepDef("look", "Search every place", look, eta_seconds=30, lease_seconds=300),
        StepDef("conclude", "Keep what was found", conclude, eta_seconds=1),
    ],
)
