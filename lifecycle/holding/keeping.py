"""The last look before a step destroys: at the portal's word here, at the store's own in each connector."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from uuid import UUID

from compliance.holds.errors import Retained
from compliance.holds.queries import is_held
from lifecycle.stores.errors import Held
from portal.audit.context import acting
from portal.jobs.context import StepContext
from portal.jobs.errors import WaitUntil
from portal.lib.clock import now

AGAIN = timedelta(minutes=5)


@contextmanager
def destroying(ctx: StepContext, verb: str, tenant_id: UUID) -> Iterator[None]:
    """Run the block unless a hold stands; what a hold stops is on record, and goes on when it is released."""
    try:
        with acting(ctx.actor):
            if is_held(tenant_id):
                raise Retained(tenant_id, verb)
        yield
    except Held as held:
        refusal = Retained(tenant_id, verb, place=held.system)
        refusal.after(ctx.actor)
        raise _waits(refusal) from held
    except Retained as refusal:
        raise _waits(refusal) from refusal


def _waits(refusal: Retained) -> WaitUntil:
    return WaitUntil(now() + AGAIN, refusal.detail)
