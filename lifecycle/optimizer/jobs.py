"""The job of a scan: it reads and changes nothing in the account, so it may be killed anywhere and begin again."""

from typing import Any
from uuid import UUID

from portal.jobs.context import StepContext
from portal.jobs.kinds import JobKind, StepDef

from . import configured, keeping
from .engine.scan import scan
from .models import Scan


def run(ctx: StepContext) -> dict[str, Any]:
    """Read, judge, write down piece by piece. Its moment is the job's own: a second attempt says the same."""
    found = Scan.objects.get(pk=UUID(ctx.params["scan"]))
    at = ctx.job.created_at
    report = scan(
        configured.account(), found.regions, configured.prices(at.date()), at, ctx.heartbeat, keeping.watched()
    )
    for piece in keeping.batches(report):
        with ctx.fenced():
            keeping.keep(piece, report)
        ctx.heartbeat()
    with ctx.fenced():
        done = keeping.conclude(found.pk, report)
    for gap in report.gaps:
        ctx.log(f"Not seen: {gap.region} {gap.what}: {gap.why} {gap.words}", "warning")
    return {"findings": done.findings, "outcome": done.outcome, "gaps": len(report.gaps), "digest": done.digest}


SCAN = JobKind(
    name="optimizer.scan",
    title="Look for money and holes",
    steps=[StepDef("scan", "Read and judge every region", run, eta_seconds=25, lease_seconds=180)],
    is_cancellable=False,
)
