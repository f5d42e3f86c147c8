"""The job that erases one store. Where it fails nothing is undone: a person has it look again."""

from lifecycle.erasure.engine.target import RESOURCE
from portal.jobs.kinds import JobKind, StepDef

from . import steps
from .actions import KIND

RETIRE = JobKind(
    name=KIND,
    title="Erase a store that the tenant has left",
    resource_class=RESOURCE,
    compensate="on_request",
    is_cancellable=False,
    steps=[
        StepDef("begin", "See that nobody is served from there", steps.begin, eta_seconds=1),
        StepDef("before", "Look before", steps.look_before, eta_seconds=2, lease_seconds=120),
        StepDef("list", "List what is to go", steps.list_ids, eta_seconds=3, lease_seconds=120),
        StepDef("shut", "Shut every door", steps.shut_doors, eta_seconds=2, lease_seconds=120),
        StepDef("delete", "Remove it", steps.delete, eta_seconds=10, lease_seconds=120),
        StepDef("verify", "Look whether it is gone", steps.verify, eta_seconds=3, lease_seconds=120),
        StepDef("take_down", "Take down its resources", steps.take_down, eta_seconds=10, lease_seconds=120),
        StepDef("look_again", "Look again, and at the neighbours", steps.look_again, eta_seconds=3, lease_seconds=120),
        StepDef("finish", "Conclude", steps.finish, eta_seconds=1),
    ],
)
