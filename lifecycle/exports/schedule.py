"""By the clock: what was received, has expired or failed is taken away, unless a hold stands."""

from uuid import UUID

from django.db.models import Q

from compliance.holds.queries import is_held
from portal.audit.context import action_of
from portal.lib.clock import now

from .actions import SYSTEM, locked, take_away
from .models import Export, State


def tick() -> None:
    """Safe to repeat."""
    received = Q(state=State.READY, received_at__isnull=False)
    due = received | Q(state=State.READY, expires_at__lte=now()) | Q(state__in=[State.FAILED, State.DELETING])
    for pk in Export.objects.filter(due).values_list("pk", flat=True):
        _end(pk)


@action_of(SYSTEM)
def _end(pk: UUID) -> None:
    found = locked(pk)
    if is_held(found.tenant_id):
        return
    over = "it expired" if found.expires_at and found.expires_at <= now() else f"it failed: {found.error}"
    take_away(found, "it was received" if found.received_at else over, actor=SYSTEM)
