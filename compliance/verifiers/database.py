"""The verifiers' way into a region's database: their own login, one snapshot, nothing can be written."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import Connection, IsolationLevel, errors

from portal.lib.databases import ALONE
from portal.lib.regions import LOGINS, Region

from .answering import NotChecked

CREDENTIAL = LOGINS["verifier"]
LIMITS = "-c datestyle=ISO -c statement_timeout=300s -c lock_timeout=5s -c idle_in_transaction_session_timeout=300s"
SEES_ALL = "SELECT rolbypassrls OR rolsuper FROM pg_roles WHERE rolname = current_user"


class Bounded(Connection[Any]):
    """A connection that is given up when the server says nothing for longer than its own limit allows."""

    patience = 310.0

    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        try:
            return super().wait(gen, interval, self.patience if timeout is None else timeout)
        except errors._WaitTimeout as error:
            self.pgconn.finish()
            raise psycopg.OperationalError("no answer in time") from error


@contextmanager
def opened(region: Region) -> Iterator[Bounded]:
    """Yield the verifier's connection. NotChecked where it does not come about, breaks, or does not see every row."""
    if not region.database.passwords.get("verifier"):
        raise NotChecked(f"No read-only credentials for the database of {region.name} are configured.")
    said = {**ALONE, **region.database.connect_kwargs("verifier"), "options": LIMITS}
    try:
        with Bounded.connect(**said, application_name="bailiwick-verifier") as db:
            db.isolation_level, db.read_only = IsolationLevel.REPEATABLE_READ, True
            if db.execute(SEES_ALL).fetchone() != (True,):
                raise NotChecked(f"Row security would hide rows from the verifier's login in {region.name}.")
            yield db
    except psycopg.Error as error:
        raise NotChecked(f"The database of {region.name} did not answer: {_words(error)}.") from error


def _words(error: psycopg.Error) -> str:
    said = error.diag.message_primary or str(error) or type(error).__name__
    return said.strip().splitlines()[0][:200].rstrip(".")
