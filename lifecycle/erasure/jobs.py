"""The jobs of an erasure: the run, and what clears up after one that was cancelled."""

from portal.jobs.kinds import JobKind, StepDef

from .engine.target import RESOURCE
from .steps import certifying, clearing, deleting, listing, quiescing, verifying

RUN = JobKind(
    name="erasure.run",
    title="Erase",
    resource_class=RESOURCE,
    is_cancellable=False,
    steps=[
        StepDef("begin", "Find every store", quiescing.begin, eta_seconds=1),
        StepDef("shut_out", "Shut the person out", quiescing.shut_out, eta_seconds=1, lease_seconds=120),
        StepDef("before", "Look before", listing.look_before, eta_seconds=2, lease_seconds=120),
        StepDef("neighbours", "Count the neighbours", verifying.neighbours_before, eta_seconds=1, lease_seconds=120),
        StepDef("quiesce", "Shut every door", quiescing.quiesce, eta_seconds=2, lease_seconds=120),
        StepDef("list", "List what is to go", listing.list_ids, eta_seconds=3, lease_seconds=120),
        StepDef("delete", "Remove it", deleting.delete, eta_seconds=10, lease_seconds=120),
        StepDef("settle", "Wait until it shows", deleting.settle, eta_seconds=1, lease_seconds=120),
        StepDef("verify", "Look whether it is gone", verifying.verify, eta_seconds=3, lease_seconds=120),
        StepDef("take_down", "Take down its resources", deleting.take_down, eta_seconds=10, lease_seconds=120),
        StepDef("grace", "Wait a while", verifying.grace, eta_seconds=300),
        StepDef("resweep", "Look once more", verifying.resweep, eta_seconds=3, lease_seconds=120),
        StepDef("late", "Look a last time", verifying.look_late, eta_seconds=900, lease_seconds=120),
        StepDef("certify", "Certify", certifying.certify, eta_seconds=5, lease_seconds=120),
        StepDef("finish", "Conclude", certifying.finish, eta_seconds=1),
    ],
)
OF_A_TENANT, OF_A_PERSON = {"quiesce", "take_down"}, {"shut_out"}


def steps_for(kind: str) -> set[str]:
    """The steps that the erasure of a `tenant`, a `person` or a `document` has."""
    without = {"tenant": OF_A_PERSON, "person": OF_A_TENANT}.get(kind, OF_A_TENANT | OF_A_PERSON)
    return {step.name for step in RUN.steps} - without


CLEAR_UP = JobKind(
    name="erasure.clear_up",
    title="Clear up after an erasure",
    resource_class=RESOURCE,
    is_cancellable=False,
    steps=[StepDef("clear_up", "Forget the lists, lift the fence", clearing.clear_up, eta_seconds=1, lease_seconds=60)],
)
