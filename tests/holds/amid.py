"""A hold that is placed while something destroys 50,000 rows, and what its own transaction saw."""

import random
import threading
from collections.abc import Callable
from time import monotonic
from typing import Any
from uuid import UUID

import psycopg

from lifecycle.stores.postgres import fences
from portal.embedded.stack import Stack
from portal.lib.regions import Region

ROWS = 50_000
FILL = """
INSERT INTO rag.query_history (tenant_id, id, q, k) SELECT %s, gen_random_uuid(), 'q', 1 FROM generate_series(1, %s)
"""
COUNT = "SELECT count(*)::int FROM rag.query_history WHERE tenant_id = %s"


def hold_amid(
    region: Region, tenant_id: UUID, stack: Stack, destroy: Callable[[], object], until: int, chance: random.Random
) -> tuple[int, BaseException | None]:
    """Hold while `destroy` is at work; return what was there when the hold committed, and what ended the work."""
    ended: list[BaseException | None] = []

    def run() -> None:
        try:
            destroy()
            ended.append(None)
        except Exception as error:
            ended.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    at_commit = placed_amid(region, tenant_id, stack, until, lambda: bool(ended), chance)
    thread.join(120)
    return at_commit, ended[0]


def placed_amid(
    region: Region,
    tenant_id: UUID,
    stack: Stack,
    until: int,
    is_over: Callable[[], bool],
    chance: random.Random,
) -> int:
    """Hold at some moment once no more than `until` are left, or it is over; return what was there at the commit."""
    end, version = monotonic() + 120, fences.hold_of(region, tenant_id)[1] + 1
    with psycopg.connect(**stack.superuser_kwargs(region.name), autocommit=True) as db:
        while not is_over() and _left(db, tenant_id) > until and monotonic() < end:
            pass
        threading.Event().wait(chance.uniform(0, 0.02))
        with db.transaction():
            db.execute("SELECT bw.set_hold(%s, 'held', %s)", (tenant_id, version))
            return _left(db, tenant_id)


def _left(db: psycopg.Connection[Any], tenant_id: UUID) -> int:
    row = db.execute(COUNT, (tenant_id,)).fetchone()
    assert row is not None
    return int(row[0])
