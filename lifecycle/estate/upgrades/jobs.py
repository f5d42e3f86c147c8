"""The job that upgrades one tenant."""

from lifecycle.provisioning.jobs import RESOURCES
from portal.jobs.kinds import JobKind, StepDef

from . import running, steps

UPGRADE = JobKind(
    name=running.NAME,
    title="Upgrade a tenant's modules",
    resource_class=RESOURCES,
    steps=[
        StepDef("plan", "Plan with the new modules", steps.plan, eta_seconds=5, lease_seconds=60, max_attempts=3),
        StepDef("apply", "Apply", steps.apply, eta_seconds=5, lease_seconds=60, max_attempts=3),
        StepDef("validate", "Validate", steps.validate, eta_seconds=5, lease_seconds=60, max_attempts=3),
        StepDef("finish", "Conclude", steps.finish, eta_seconds=1),
    ],
)
