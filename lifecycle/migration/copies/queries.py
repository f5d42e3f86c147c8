"""What a person is offered when a move cannot be taken back: the copy, and what it lacks."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Sum

from lifecycle.migration.models import ENDED, Migration, Round
from lifecycle.retiring.models import Retirement
from portal.access import policy
from portal.access.actor import Actor
from portal.jobs.models import Job, JobState, Step

from .models import RELEASABLE, State, TenantCopy


@dataclass(frozen=True)
class WayOut:
    """A copy from before the move. `rows_lost_at_least` were seen to change since; None: nobody counted."""

    copy_id: UUID
    region: str
    as_of: datetime
    rows_lost_at_least: int | None

    @property
    def loss(self) -> str:
        """What restoring it would lose, in words; an unknown number is never nothing."""
        since = f"Everything written since {self.as_of:%d %b %Y %H:%M} UTC would be lost"
        if self.rows_lost_at_least is None:
            return f"{since}; how much that is is unknown."
        return f"{since}: at least {self.rows_lost_at_least} rows. What changed before the move began is unknown."

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "loss": self.loss}


def way_out(migration: Migration) -> WayOut | None:
    """The copy to restore from, once a roll-back was asked for and its work does not get on."""
    if (
        not (migration.is_switched and migration.rollback_job_id)
        or migration.state in ENDED
        or not _is_stuck(migration)
    ):
        return None
    held = TenantCopy.objects.filter(tenant=migration.tenant_id, state=State.VERIFIED)
    copy = held.exclude(region__in=(migration.source, migration.target)).order_by("-verified_at").first()
    if copy is None or copy.verified_at is None:
        return None
    carried = Round.objects.filter(migration=migration).aggregate(keys=Sum("keys"))["keys"]
    known = [count for count in (carried, migration.exposure) if count is not None]
    return WayOut(copy.pk, copy.region, copy.verified_at, sum(known) if known else None)


def _is_stuck(migration: Migration) -> bool:
    job = Job.objects.filter(pk=migration.rollback_job_id).first()
    return job is not None and (
        job.state == JobState.FAILED or Step.objects.filter(job=job, failures__gt=0).exclude(state="succeeded").exists()
    )


def available_verbs(copy: TenantCopy, actor: Actor) -> list[str]:
    """Words the actor may use on the copy now."""
    lies_there = copy.state in RELEASABLE and TenantCopy.objects.untouched().filter(pk=copy.pk).exists()
    is_going = Retirement.objects.filter(occasion="copy", subject=copy.pk).exists()
    return ["release"] if lies_there and not is_going and policy.can(actor, "migration.make_copy", copy) else []
