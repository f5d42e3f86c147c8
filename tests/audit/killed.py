"""A sealer that kills itself after its n-th statement or request to the store."""

import os
import signal
from typing import Any

import psycopg

from portal.audit.sealing import service, store
from tests.audit.conftest import Ledger


def survives(ledger: Ledger, limit: int) -> bool:
    """Run one round in a forked process that kills itself after `limit` steps; True if it had fewer."""
    pid = os.fork()
    if pid == 0:
        try:
            _round(ledger, limit)
            os._exit(0)
        except BaseException:
            os._exit(1)
    _, status = os.waitpid(pid, 0)
    assert status in (0, signal.SIGKILL), status
    return status == 0


def _round(ledger: Ledger, limit: int) -> None:
    count = 0

    def step() -> None:
        nonlocal count
        count += 1
        if count >= limit:
            os.kill(os.getpid(), signal.SIGKILL)

    class Counting(psycopg.Connection[Any]):
        def execute(self, *given: Any, **more: Any) -> Any:
            done = super().execute(*given, **more)
            step()
            return done

    store._client.cache_clear()  # the parent's sockets are the parent's
    sealer = service.Sealer(Counting.connect(ledger.url("sealer"), autocommit=True), ledger.store())
    sealer.store.s3.meta.events.register("after-call", lambda **_: step())
    sealer.round()
