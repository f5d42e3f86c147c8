"""News leaves a transaction as rows, and reaches each subscriber once.

`emit` writes the event and one delivery per subscriber. A delivery and everything its subscriber writes to the
database commit together, so for database effects it happens exactly once; a subscriber that reaches outside must be
idempotent. Deliveries of one event to different subscribers are independent; order between events is not promised.
"""

from datetime import datetime, timedelta
from typing import Any

import structlog
from django.conf import settings
from django.db import DatabaseError, connection, transaction
from django.db.models import F, Q, QuerySet
from django.utils.module_loading import import_string

from portal.access.actor import Actor
from portal.audit.context import acting
from portal.audit.queries import is_anchored
from portal.lib.clock import now
from portal.lib.composed import composed

from .models import Delivery, DeliveryState, OutboxEvent
from .text import clean, describe, plain

log = structlog.get_logger(__name__)
CHANNEL = "bailiwick_dispatch"
ATTEMPTS = 10
GAVE_UP = "outbox.gave_up"
DISPATCHER = Actor.system("dispatcher")


def emit(
    event: str, payload: dict[str, Any], *, after: int | None = None, due_at: datetime | None = None
) -> OutboxEvent:
    """Record `event` for its subscribers. Only inside the transaction of the change it tells of.

    `after` names an entry of the ledger: the event stays here until that is sealed and anchored. Subscribers hear of it
    at once, or at `due_at`. One of `event:word` hears of it where the payload has that word alone.
    """
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError(f"{event} must be emitted inside the transaction of its change")
    row = OutboxEvent.objects.create(event=event, payload=plain(payload), after_entry=after)
    minded = (event, f"{event}:{payload.get('word')}")
    subscribers = [path for name in minded for path in settings.OUTBOX_SUBSCRIBERS.get(name, [])]
    at = due_at or now()
    Delivery.objects.bulk_create([Delivery(event=row, subscriber=path, next_at=at) for path in subscribers])
    if subscribers:
        ring()
    return row


def ring() -> None:
    """Wake the dispatcher when the current transaction commits."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_notify(%s, '')", [CHANNEL])


def deliver_due(limit: int = 50) -> int:
    """Deliver up to `limit` due events, one transaction each; returns how many were tried."""
    tried = 0
    while tried < limit and _deliver_one():
        tried += 1
    return tried


def _deliver_one() -> bool:
    delivery = None
    try:
        with acting(DISPATCHER):
            delivery = next(iter(_due(now())), None)
            if delivery is not None:
                import_string(delivery.subscriber)(delivery.event.payload)
                _delivered(delivery)
    except Exception as error:  # whatever a subscriber or its commit raises is recorded and tried again
        if delivery is None:
            raise
        if isinstance(error, DatabaseError):  # it may have cost us the connection
            connection.close_if_unusable_or_obsolete()
        with transaction.atomic():
            again = _pending().filter(pk=delivery.pk).first()
            if again is not None:  # else another dispatcher has it in hand by now
                _failed(again, error)
    return delivery is not None


@composed
def _due(at: datetime) -> QuerySet[Delivery]:
    return _pending().filter(next_at__lte=at).order_by("next_at", "event_id", "pk")[:1]


def _pending() -> QuerySet[Delivery]:
    """Undelivered rows that no other dispatcher has in hand, locked."""
    free = Delivery.objects.select_for_update(skip_locked=True, of=("self",)).select_related("event")
    return free.filter(
        Q(event__after_entry=None) | Q(is_anchored(F("event__after_entry"))), state=DeliveryState.PENDING
    )


def _delivered(delivery: Delivery) -> None:
    delivery.attempts += 1
    delivery.state, delivery.delivered_at, delivery.error = DeliveryState.DELIVERED, now(), ""
    delivery.save(update_fields=["attempts", "state", "delivered_at", "error"])


def _failed(delivery: Delivery, error: Exception) -> None:
    delivery.attempts += 1
    delivery.error = describe(error)
    delivery.next_at = now() + timedelta(seconds=min(300, 2 ** (delivery.attempts - 1)))
    ids = {"event_id": delivery.event_id, "name": delivery.event.event, "subscriber": delivery.subscriber}
    if delivery.attempts >= ATTEMPTS:
        delivery.state = DeliveryState.DEAD
    delivery.save()
    log.warning("outbox.delivery_failed", attempt=delivery.attempts, error=delivery.error, **ids)
    if delivery.state == DeliveryState.DEAD and delivery.event.event != GAVE_UP:
        emit(GAVE_UP, {"delivery_id": delivery.pk, "error": clean(delivery.error, 500), **ids})
