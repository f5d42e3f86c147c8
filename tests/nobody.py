"""Doors, rounds and steps of tests have nobody behind them, as in production: one that forgets its actor fails here."""

from collections.abc import Callable
from functools import wraps
from importlib import import_module
from typing import Any

from django.conf import settings
from django.db import connection
from psycopg.pq import TransactionStatus

from portal.jobs import runner

SET = "SELECT set_config('bailiwick.actor', %s, false)"


def by_nobody(answer: Callable[..., Any]) -> Callable[..., Any]:
    """Take the test's own actor away for the time of a call; query counts do not see it."""

    @wraps(answer)
    def run(*args: Any, **kwargs: Any) -> Any:
        _be("")
        try:
            return answer(*args, **kwargs)
        finally:
            _be("system:test")

    return run


def act_for_themselves() -> None:
    """Every round of the schedule and every step of a job is called so from now on. Before tests import any."""
    for path in settings.SCHEDULE:
        module, name = path.rsplit(".", 1)
        there = import_module(module)
        setattr(there, name, by_nobody(getattr(there, name)))
    runner._attempt = by_nobody(runner._attempt)


def _be(actor: str) -> None:
    raw = connection.connection
    if raw is not None and not raw.closed and raw.info.transaction_status != TransactionStatus.INERROR:
        raw.execute(SET, [actor])
