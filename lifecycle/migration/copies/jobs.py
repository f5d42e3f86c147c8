"""The job of a copy. It has the lease of a move: the two never carry a tenant's changes at the same time."""

from portal.jobs.kinds import JobKind, StepDef

from . import steps

COPY = JobKind(
    name="migration.copy",
    title="Copy a tenant",
    resource_class="migration",
    steps=[
        StepDef("provision", "Provision the region", steps.provision, eta_seconds=10, lease_seconds=60),
        StepDef("copy", "Capture and copy", steps.copied, eta_seconds=30, lease_seconds=60, compensation=steps.let_go),
        StepDef("objects", "Copy objects with their histories", steps.bucket, eta_seconds=10, lease_seconds=60),
        StepDef("follow", "Rounds of what changed", steps.follow, eta_seconds=10, lease_seconds=60),
        StepDef("verify", "Verify the copy", steps.verified, eta_seconds=20, lease_seconds=120, max_attempts=3),
        StepDef("close", "End capture", steps.let_go, eta_seconds=1),
    ],
)
