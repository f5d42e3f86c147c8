"""Reads of reviews: which roll-backs ask for one, and what of them is in a move's way."""

from lifecycle.migration.models import Migration, MigrationQuerySet, State
from lifecycle.migration.preflight import Finding
from portal.audit.models import Entry
from portal.lib.clock import now
from portal.lib.errors import Blocked
from tenants.models import Tenant

from .models import Review

ASKED = "migration.roll_back_asked"


def taken_back() -> MigrationQuerySet:
    """Moves that began and did not stay. Whether a rehearsal asks for a review is seen when it is taken back."""
    return Migration.objects.filter(state=State.ROLLED_BACK, started_at__isnull=False)


def unreviewed() -> MigrationQuerySet:
    """Roll-backs that have no review although each asks for one."""
    return taken_back().filter(is_rehearsal=False, review=None, drill=None)


def who_took_back(migration: Migration) -> str:
    """The actor who asked for the roll-back; "" where it was asked for in no other way than by a cancelled job."""
    about = {"verb": ASKED, "object_type": "migration.migration", "object_id": str(migration.pk)}
    return Entry.objects.filter(**about).order_by("-id").values_list("actor", flat=True).first() or ""


def in_the_way(tenant: Tenant, target: str) -> list[Finding]:
    """What earlier roll-backs of the same move still ask for. One without a review is in the way, too."""
    again = taken_back().filter(tenant=tenant, target=target, drill=None).exclude(is_rehearsal=True, review=None)
    waiting = again.exclude(review__closed_at__isnull=False, review__retry_on__lte=now().date())
    return [_finding(one) for one in waiting.select_related("review")]


def _finding(migration: Migration) -> Finding:
    review: Review | None = getattr(migration, "review", None)
    if review is not None and review.closed_at:
        return Finding("MIG-REVIEW", "wait", f"{migration} is retried later", f"Not before {review.retry_on}.")
    remedy = "Close its review: a cause, what is done about it, and a day to try again."
    return Finding("MIG-REVIEW", "wait", f"{migration} was taken back and is not understood yet", remedy)


def require_reviewed(migration: Migration) -> None:
    """Raise Blocked while an earlier roll-back of the same move is under review, or its day has not come."""
    if found := in_the_way(migration.tenant, migration.target):
        raise Blocked(" ".join(f"{one.title}. {one.remedy}" for one in found), by="review")
