"""The jobs that follow a change of status. They need no lease, and run to their end."""

from portal.jobs.kinds import JobKind, StepDef

from .steps import SETTLE, settle, step_of
from .systems import SYSTEMS

RESTORE_NAME = "status.restore"
STEPS = [
    *(StepDef(one.name, one.title, step_of(one), eta_seconds=1, lease_seconds=60) for one in SYSTEMS),
    StepDef(SETTLE, "What was not reached", settle, eta_seconds=1, lease_seconds=60, max_attempts=6),
]


def _following(name: str, title: str, on_failed: str = RESTORE_NAME) -> JobKind:
    return JobKind(name=name, title=title, steps=STEPS, on_failed=on_failed, is_cancellable=False)


SUSPENSION = _following("suspension", "Suspend a tenant's systems")
REACTIVATION = _following("reactivation", "Reactivate a tenant's systems")
ARCHIVE = _following("archive", "Archive a tenant's systems")
# What undoes any of them: the systems go where the registry says the tenant is now.
RESTORE = _following(RESTORE_NAME, "Bring a tenant's systems to its status", on_failed="")
KINDS = {
    ("active", "suspended"): SUSPENSION,
    ("suspended", "active"): REACTIVATION,
    ("suspended", "archived"): ARCHIVE,
}
NAMES = tuple(kind.name for kind in (*KINDS.values(), RESTORE))
