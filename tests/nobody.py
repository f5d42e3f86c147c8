"""Requests of tests are made by nobody in particular, as in production: a door that forgets its actor fails here."""

from collections.abc import Callable
from typing import Any

from django.db import connection
from psycopg.pq import TransactionStatus

SET = "SELECT set_config('bailiwick.actor', %s, false)"


def middleware(get_response: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Take the test's own actor away for the time of a request; query counts do not see it."""

    def answer(request: Any) -> Any:
        _be("")
        try:
            return get_response(request)
        finally:
            _be("system:test")

    return answer


def _be(actor: str) -> None:
    raw = connection.connection
    if raw is not None and not raw.closed and raw.info.transaction_status != TransactionStatus.INERROR:
        raw.execute(SET, [actor])
