"""What an eraser does before each call that cannot be taken back: renew its lease, ask the region whether it may."""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import islice

from lifecycle.stores.errors import Permanent
from lifecycle.stores.postgres import fences
from lifecycle.stores.postgres.connection import SYSTEM, connection, translated
from lifecycle.stores.throttle import looking
from portal.lib.regions import Region

from . import items
from .target import BATCH, Alive, Target
from .trying import tried


def still_ours(region: Region, target: Target, operation: str) -> None:
    """Raise Held under a legal hold and Permanent once a later job has taken over, by the region's own word.

    Asked at most a second before what cannot be taken back: the systems asked about have no transactions.
    """
    with translated(operation), connection(region) as db, db.transaction():
        fences.require_no_hold(db, target.tenant_id)
        fences.require_job_epoch(db, target.tenant_id, target.resource, target.epoch)


def listed(region: Region, target: Target, system: str) -> Iterator[str]:
    """Every id listed for the system; Permanent while the list is not whole: nothing goes before it is committed to."""
    if items.count(region, target.request_id, system) is None:
        raise Permanent(SYSTEM, f"erase {system}", f"nothing is listed of request {target.request_id}")
    return items.each(region, target.request_id, system)


def remove_listed(
    region: Region,
    target: Target,
    system: str,
    remove: Callable[[list[str]], int],
    alive: Alive,
    *,
    size: int = BATCH,
    wanted: Callable[[str], bool] = lambda one: True,
) -> int:
    """Hand the ids listed for the system to `remove`, so many at a time; return how many it says are gone.

    Only what was listed goes. Each batch is asked for anew, and so is each call of it; each is tried three times.
    """
    gone = 0

    def once(batch: list[str]) -> int:
        alive(gone)
        still_ours(region, target, f"erase {system}")
        with looking(lambda: still_ours(region, target, f"erase {system}")):
            return remove(batch)

    for batch in batches(filter(wanted, listed(region, target, system)), size):
        gone += tried(partial(once, batch))
    alive(gone)
    items.finish(region, target, system)
    return gone


def batches(found: Iterable[str], size: int) -> Iterator[list[str]]:
    """The same in order, so many at a time."""
    rest = iter(found)
    while batch := list(islice(rest, size)):
        yield batch
