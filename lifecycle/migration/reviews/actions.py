"""What is done with a review: it opens by itself, is filled in by people, and closed by one who had no part in it."""

from datetime import date
from typing import Any
from uuid import UUID

from lifecycle.migration.drills.queries import is_drill
from lifecycle.migration.models import Migration, State
from lifecycle.migration.moving import locked
from portal.access import policy
from portal.access.actor import Actor
from portal.access.models import User
from portal.audit.actions import record
from portal.audit.context import action
from portal.jobs.outbox import emit
from portal.lib.clock import now
from portal.lib.errors import Absent, Conflict, Invalid, NotAllowed

from .models import Measure, Review
from .queries import who_took_back
from .timeline import timeline_of

SYSTEM = Actor.system("migration.reviews")


@action
def open_review(migration_id: UUID, *, actor: Actor, reason: str = "") -> Review | None:
    """Open the review of a move that was taken back, once; None where there is nothing to learn from.

    Nothing had begun, it was a drill, or a person took a rehearsal back, which is what a rehearsal is for.
    """
    migration = locked(migration_id)
    by = who_took_back(migration)
    as_planned = is_drill(migration) or (migration.is_rehearsal and not by.startswith("system:"))
    if migration.state != State.ROLLED_BACK or migration.started_at is None or as_planned:
        return None
    review, is_new = Review.objects.get_or_create(
        migration=migration, defaults={"taken_back_by": by, "timeline": timeline_of(migration)}
    )
    if is_new:
        record("migration_review.opened", review, actor=actor, reason=migration.state_reason)
        emit("migration_review.opened", _news(review))
    return review


@action
def describe(
    review_id: UUID, *, actor: Actor, reason: str, cause: str | None = None, retry_on: date | None = None
) -> Review:
    """Write down why it happened, and from which day on it may be tried again."""
    review = _open(review_id, actor, "edit")
    if cause is None and retry_on is None:
        raise Invalid(fields={"cause": "nothing to change; give a cause or a day to try again"})
    review.cause = review.cause if cause is None else cause.strip()
    review.retry_on = retry_on or review.retry_on
    review.save(update_fields=["cause", "retry_on"])
    record("migration_review.described", review, actor=actor, reason=reason)
    return review


@action
def add_measure(review_id: UUID, *, actor: Actor, reason: str, text: str, owner: str, due_on: date) -> Measure:
    """Note what somebody does about it, and by when."""
    review = _open(review_id, actor, "edit")
    person = User.objects.filter(username=owner, is_active=True, is_service=False).first()
    faults = {
        "text": not text.strip() and "say what is done",
        "owner": person is None and "nobody of this name signs in here",
        "due_on": due_on < now().date() and "not in the past",
    }
    if (fields := {name: fault for name, fault in faults.items() if isinstance(fault, str)}) or person is None:
        raise Invalid(fields=fields)
    measure = Measure.objects.create(review=review, text=text.strip(), owner=person, due_on=due_on)
    record("migration_review.measure_added", review, actor=actor, reason=reason, data={"measure": measure.pk})
    return measure


@action
def finish_measure(review_id: UUID, *, actor: Actor, reason: str, measure: int) -> Measure:
    """Say that it is done; also after the review was closed."""
    review = _mine(review_id, actor, "edit")
    found = Measure.objects.select_for_update().filter(review=review, pk=measure).first()
    if found is None:
        raise Invalid(fields={"measure": "this review has no such measure"})
    if found.done_at:
        raise Conflict("It is done already.", code="wrong-state")
    found.done_at = now()
    found.save(update_fields=["done_at"])
    record("migration_review.measure_done", review, actor=actor, reason=reason, data={"measure": found.pk})
    return found


@action
def close(review_id: UUID, *, actor: Actor, reason: str) -> Review:
    """Close it for good. Needs cause, day and a measure, and a person who neither asked for the move nor undid it."""
    review = _open(review_id, actor, "close")
    if actor.user is None or actor.id in (str(review.migration.requested_by_id), review.taken_back_by):
        raise NotAllowed("Somebody closes it who neither asked for the move nor took it back.", code="own-move")
    missing = {
        "cause": not review.cause and "say why it had to be taken back",
        "retry_on": review.retry_on is None and "say from which day on it may be tried again",
        "measures": not review.measures.exists() and "note at least one thing that is done about it",
    }
    if fields := {name: fault for name, fault in missing.items() if isinstance(fault, str)}:
        raise Invalid(fields=fields)
    review.closed_at, review.closed_by = now(), actor.user
    review.save(update_fields=["closed_at", "closed_by"])
    record("migration_review.closed", review, actor=actor, reason=reason, data={"retry_on": str(review.retry_on)})
    return review


def _mine(review_id: UUID, actor: Actor, word: str) -> Review:
    """The review, locked, if the actor may."""
    if not Review.objects.visible_to(actor).filter(pk=review_id).exists():
        raise Absent("There is no such review.")
    rows = Review.objects.select_related("migration__tenant")
    review: Review = rows.select_for_update(of=("self",), no_key=True).get(pk=review_id)
    policy.require(actor, f"migration_review.{word}", review)
    return review


def _open(review_id: UUID, actor: Actor, word: str) -> Review:
    review = _mine(review_id, actor, word)
    if review.closed_at:
        raise Conflict("The review is closed, which is final.", code="wrong-state")
    return review


def _news(review: Review) -> dict[str, Any]:
    migration: Migration = review.migration
    return {
        "review_id": str(review.pk),
        "tenant_id": str(migration.tenant_id),
        "name": migration.tenant.name,
        "move": str(migration),
        "reason": migration.state_reason[:500],
        "users": sorted({str(migration.requested_by_id), str(migration.tenant.owner_id)}),
    }
