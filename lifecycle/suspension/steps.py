"""One step per system. A system that is not reached holds up no other: it stays pending until the last step."""

from typing import Any
from uuid import UUID

from lifecycle.stores.errors import StoreError
from portal.jobs.context import StepContext
from portal.jobs.errors import Permanent, Skip, Transient
from portal.jobs.kinds import StepFunc
from portal.jobs.text import clean
from tenants.queries import last_move

from .cascade import bring
from .systems import SYSTEMS, System

SETTLE = "settle"


def step_of(system: System) -> StepFunc:
    """The step that brings one system to where the tenant stands."""

    def step(ctx: StepContext) -> dict[str, Any]:
        if _is_overtaken(ctx):
            ctx.note(state="superseded")
            raise Skip("Superseded: the tenant's status has changed since, and that change follows in its own job.")
        try:
            found = bring(system, _tenant(ctx))
        except StoreError as error:
            why = clean(str(error), 500)
            ctx.note(state="pending", why=why)
            ctx.log(f"{system.title}: not reached. {why}", "warning")
            raise Skip(f"Not reached, tried again at the end: {why}") from error
        if found["state"] == "skipped":
            ctx.note(**found)
            raise Skip(found["why"])
        return found

    return step


def settle(ctx: StepContext) -> dict[str, Any]:
    """Go on with what was not reached, until nothing is open. Says in `open` what is, and fails with it in the end.

    A call that failed may have arrived all the same, so the system is brought to where the tenant stands by now.
    """
    pending = set(ctx.job.steps.filter(evidence__state="pending").values_list("name", flat=True))
    settled = dict(ctx.step.evidence.get("settled", {}))
    failed: dict[str, StoreError] = {}
    for system in SYSTEMS:
        if system.name not in pending - set(settled):
            continue
        ctx.heartbeat()
        try:
            settled[system.name] = bring(system, _tenant(ctx))["state"]
        except StoreError as error:
            failed[system.name] = error
    still = {name: clean(str(error), 500) for name, error in failed.items()}
    ctx.note(settled=settled, open=still)
    if failed:
        said = "Still open: " + "; ".join(still.values())
        raise Transient(said) if any(error.is_transient for error in failed.values()) else Permanent(said)
    return {"settled": settled, "open": {}}


def _is_overtaken(ctx: StepContext) -> bool:
    """True if a later change has the systems now. Not once this step has begun: what it sent may still arrive."""
    meant, stands = ctx.params.get("status_version"), last_move(_tenant(ctx))
    return bool(ctx.attempt == 1 and not ctx.job.compensates_id and meant and stands and stands.version > meant)


def _tenant(ctx: StepContext) -> UUID:
    return UUID(ctx.params["tenant_id"])
