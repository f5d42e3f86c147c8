"""By the clock: what is approved begins on its day, what is for a time goes back on its day, or when we are back."""

from collections.abc import Callable, Iterable
from uuid import UUID

import structlog
from django.db import DatabaseError
from django.db.models import Q

from portal.audit.context import acting
from portal.lib.clock import now
from portal.lib.errors import Refusal

from .models import State, TierChange
from .moving import SYSTEM, apply, locked, take_back

log = structlog.get_logger(__name__)


def tick() -> None:
    """Ends first: where one change ends as the next begins, the second finds the tier it was asked for."""
    today = now().date()
    _each(TierChange.objects.filter(state=State.APPLIED, ends_on__lte=today), end)
    due = Q(starts_on=None) | Q(starts_on__lte=today)
    _each(TierChange.objects.filter(due, state=State.SCHEDULED), begin)


def begin(change_id: UUID) -> None:
    """Bring one change into force; nothing if another scheduler has."""
    change = locked(change_id)
    if change.state == State.SCHEDULED:
        apply(change, actor=SYSTEM)


def end(change_id: UUID) -> None:
    """Take one change back; nothing if another scheduler has."""
    change = locked(change_id)
    if change.state == State.APPLIED:
        take_back(change, actor=SYSTEM, reason="The time it was asked for is over.")


def _each(found: Iterable[TierChange], do: Callable[[UUID], None]) -> None:
    """Each in a transaction of its own; one that is refused holds up no other and is tried again."""
    for change in list(found):
        try:
            with acting(SYSTEM, "on its day"):
                do(change.pk)
        except (Refusal, DatabaseError) as error:
            log.warning("tier_change.held_up", change_id=str(change.pk), why=str(error))
