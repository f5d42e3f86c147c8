"""Reads of retired stores for pages and other apps."""

from uuid import UUID

from portal.access import policy
from portal.access.actor import Actor
from portal.jobs.models import Job

from .models import Retirement, State


def of(subject: UUID) -> Retirement | None:
    """The retirement that a move or copy has led to."""
    return Retirement.objects.filter(subject=subject).first()


def available_verbs(row: Retirement, actor: Actor) -> list[str]:
    """Words the actor may use on it now."""
    if row.state == State.ERASED or not policy.can(actor, "retirement.operate", row):
        return []
    return [] if Job.objects.unfinished().filter(pk=row.job_id).exists() else ["look_again"]
