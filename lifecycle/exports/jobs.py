"""The jobs of an export: the one that makes it, and the one that deletes it."""

from portal.jobs.kinds import JobKind, StepDef

from . import steps
from .actions import DELETE, MAKE

RESOURCE = "export"

EXPORT = JobKind(
    name=MAKE,
    title="Export a tenant",
    resource_class=RESOURCE,
    steps=[
        StepDef("begin", "Find every store", steps.begin, eta_seconds=1),
        StepDef("rows", "Write every row of one snapshot", steps.rows, eta_seconds=5, lease_seconds=120),
        StepDef("vectors", "Write the vectors beside them", steps.vectors, eta_seconds=3, lease_seconds=120),
        StepDef("objects", "Copy the originals", steps.objects, eta_seconds=5, lease_seconds=120),
        StepDef("manifest", "Write the manifest", steps.manifest, eta_seconds=1, lease_seconds=120),
        StepDef("verify", "Read everything back", steps.verify, eta_seconds=5, lease_seconds=120),
        StepDef("seal", "Seal the manifest in the ledger", steps.seal, eta_seconds=3, lease_seconds=60),
    ],
)
REMOVE = JobKind(
    name=DELETE,
    title="Delete an export",
    is_cancellable=False,
    steps=[StepDef("delete", "Delete every file of it", steps.delete, eta_seconds=3, lease_seconds=120)],
)
