"""The job of a rehearsal, which waits for others, and the one that fills its clone, which has the clone's lease."""

from portal.jobs.kinds import JobKind, StepDef

from . import cloning, steps

REHEARSE = JobKind(
    name="migration.rehearse",
    title="Rehearse a move",
    steps=[
        StepDef("tenant", "Provision the clone", steps.provisioned, eta_seconds=60),
        StepDef("clone", "Clone the tenant", steps.cloned, eta_seconds=30),
        StepDef("move", "Move the clone, and kill its mover", steps.moved, eta_seconds=60),
        StepDef("back", "Take the clone back", steps.taken_back, eta_seconds=10),
        StepDef("conclude", "Put the clone away", steps.conclude, eta_seconds=1),
    ],
)
CLONE = JobKind(
    name="migration.clone",
    title="Clone a tenant",
    resource_class="migration",
    steps=[
        StepDef("rows", "Rows of one snapshot", cloning.fill, eta_seconds=30, lease_seconds=120, max_attempts=3),
        StepDef("objects", "Objects with their histories", cloning.bucket, eta_seconds=10, lease_seconds=60),
        StepDef("open", "Open the clone", cloning.reopen, eta_seconds=1),
    ],
)
