"""Subscribers for these tests. What each received is a row of the outbox's own database: an audit entry."""

from typing import Any

from django.db import connection

from portal.access.actor import Actor
from portal.audit.actions import record
from portal.jobs.actions import start_job
from portal.jobs.models import LeaseRule, OutboxEvent, Wake
from portal.lib.ids import new_id

EAR = Actor.system("ear")
broken: set[str] = set()


def _heard(name: str, payload: dict[str, Any]) -> None:
    event = OutboxEvent.objects.get(payload=payload) if "n" in payload else OutboxEvent(pk=0)
    record(f"heard.{name}", event, actor=EAR, data=payload)


def one(payload: dict[str, Any]) -> None:
    _heard("one", payload)


def two(payload: dict[str, Any]) -> None:
    """Writes first and may then fail: what it wrote must go."""
    _heard("two", payload)
    if "two" in broken:
        raise RuntimeError("no route to host, token=abcdef")


def breaks_the_transaction(payload: dict[str, Any]) -> None:
    LeaseRule.objects.create(first="b", second="a", is_compatible=True)


def points_nowhere(payload: dict[str, Any]) -> None:
    """A foreign key that the database checks only at commit."""
    Wake.objects.create(job_id=new_id())


def cuts_the_line(payload: dict[str, Any]) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")


def starts_a_job(payload: dict[str, Any]) -> None:
    start_job("test.three", actor=EAR, subject=None, params={"dir": payload["dir"]})


def gave_up(payload: dict[str, Any]) -> None:
    record("heard.gave_up", OutboxEvent(pk=payload["event_id"]), actor=EAR, data=payload)
