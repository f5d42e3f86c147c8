"""The jobs of a move: there, and back."""

from portal.jobs.kinds import JobKind, StepDef

from .steps import bulk, closing, cutover, doors, green, preflight, reads, stability, sync
from .windows.steps import in_window

RESOURCES = "migration"

MOVE = JobKind(
    name="migration.move",
    title="Move a tenant",
    resource_class=RESOURCES,
    on_failed="migration.roll_back",
    compensate="on_request",
    steps=[
        StepDef("preflight", "Look once more", preflight.begin, eta_seconds=2),
        StepDef("provision_green", "Provision green", green.provision, eta_seconds=10, lease_seconds=60),
        StepDef("doors_ahead", "Shorten how long DNS answers live", doors.ahead, eta_seconds=2),
        StepDef("bulk", "Have DataSync carry objects ahead", bulk.carry_ahead, eta_seconds=2, lease_seconds=60),
        StepDef("copy", "Capture and copy", in_window(sync.first_copy), eta_seconds=30, lease_seconds=60),
        StepDef("objects", "Copy objects and their past", in_window(sync.bucket), eta_seconds=10, lease_seconds=60),
        StepDef("follow", "Rounds of what changed", in_window(sync.follow), eta_seconds=10, lease_seconds=60),
        StepDef("verify", "Verify both sides", in_window(sync.verified), eta_seconds=20, lease_seconds=120),
        StepDef("doors_settled", "Wait for the old DNS answers to end", doors.settled, eta_seconds=60),
        StepDef("reads", "Move the reads", reads.move_reads, eta_seconds=60, lease_seconds=60),
        StepDef("switch", "Switch", in_window(cutover.cut_over), eta_seconds=2, lease_seconds=60),
        StepDef("doors", "Lead clients to green", doors.lead, eta_seconds=2),
        StepDef("stability", "Stability", stability.watch, eta_seconds=86_400, lease_seconds=60),
        StepDef("doors_followed", "See that clients have followed", doors.followed, eta_seconds=60, lease_seconds=60),
        StepDef("decommission", "Decommission blue", stability.decommission, eta_seconds=60),
    ],
)
ROLL_BACK = JobKind(
    name="migration.roll_back",
    title="Take a tenant back",
    resource_class=RESOURCES,
    is_cancellable=False,
    steps=[
        StepDef("take_back", "Back to blue", cutover.take_back, eta_seconds=2, lease_seconds=60),
        StepDef("doors_back", "Lead clients back to blue", doors.lead_back, eta_seconds=60),
        StepDef("close", "Conclude", cutover.close_rollback, eta_seconds=1),
    ],
)
CLOSE_GREEN = JobKind(
    name=closing.KIND,
    title="Close a region that did not answer",
    is_cancellable=False,
    steps=[StepDef("close", "Close it as soon as it answers", closing.close_green, eta_seconds=1)],
)
END_DATASYNC = JobKind(
    name=bulk.KIND,
    title="End what DataSync carries",
    is_cancellable=False,
    steps=[StepDef("end", "End it, and see it ended", bulk.end, eta_seconds=60)],
)
