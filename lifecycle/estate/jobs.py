"""The kinds of jobs of the estate."""

from lifecycle.provisioning.jobs import RESOURCES
from portal.jobs.kinds import JobKind, StepDef

from . import carrying, looking

COMPARE = JobKind(
    name="estate.compare",
    title="Compare a tenant with its modules",
    resource_class=RESOURCES,
    steps=[StepDef("compare", "Plan and look", looking.compare, eta_seconds=5, lease_seconds=60, max_attempts=3)],
)
SEARCH = JobKind(
    name="estate.search",
    title="Search a region for strangers",
    steps=[StepDef("search", "Search", looking.search, eta_seconds=5, lease_seconds=60, max_attempts=3)],
)
CARRY_OUT = JobKind(
    name="estate.carry_out",
    title="Carry out a decision",
    resource_class=RESOURCES,
    steps=[
        StepDef("confirm", "Compare with what was signed", carrying.confirm, eta_seconds=1, lease_seconds=60),
        StepDef("act", "Do it", carrying.act, eta_seconds=5, lease_seconds=60, max_attempts=4),
        StepDef("look", "Look again", carrying.look, eta_seconds=5, lease_seconds=60),
        StepDef("finish", "Conclude", carrying.finish, eta_seconds=1),
    ],
)
