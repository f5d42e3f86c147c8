"""The reservation ledger of a business unit's annual envelope: requests in parallel cannot oversubscribe it."""

from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Sum

from portal.lib.clock import now
from portal.lib.errors import Blocked
from portal.lib.money import inr

from .models import BusinessUnit, Reservation, ReservationState


def used_inr(unit: BusinessUnit) -> Decimal:
    """What is reserved or committed of the envelope, INR a year."""
    live = unit.reservations.exclude(state=ReservationState.RELEASED)
    return live.aggregate(total=Sum("amount_inr"))["total"] or Decimal(0)


@transaction.atomic
def reserve(unit_code: str, *, holder_id: UUID, tenant_id: UUID, amount_inr: Decimal) -> Reservation:
    """Set `amount_inr` aside for a request, or raise Blocked with what is left.

    One reservation per holder: asking again changes its amount, which is how a resubmitted request is repriced.
    """
    unit = BusinessUnit.objects.select_for_update(no_key=True).get(pk=unit_code)
    held = Reservation.objects.filter(holder_id=holder_id).first()
    if held and held.state == ReservationState.COMMITTED:
        return held
    own = held.amount_inr if held and held.state == ReservationState.RESERVED else Decimal(0)
    left = unit.envelope_inr - used_inr(unit) + own
    if amount_inr > left:
        raise Blocked(
            f"{unit.name} has {inr(max(left, Decimal(0)))} left of its {inr(unit.envelope_inr)} envelope; this needs "
            f"{inr(amount_inr)}. Ask the CFO to raise the envelope, or ask for less.",
            by="envelope",
            code="envelope-exhausted",
        )
    fields = {"business_unit": unit, "tenant_id": tenant_id, "amount_inr": amount_inr}
    fields |= {"state": ReservationState.RESERVED, "changed_at": now()}
    return Reservation.objects.update_or_create(holder_id=holder_id, defaults=fields)[0]


def commit(holder_id: UUID) -> None:
    """The request became a tenant: its reservation is now a commitment."""
    _move(holder_id, ReservationState.RESERVED, ReservationState.COMMITTED)


def release(holder_id: UUID) -> None:
    """The request ended without a tenant: give the amount back."""
    _move(holder_id, ReservationState.RESERVED, ReservationState.RELEASED)


def _move(holder_id: Any, old: str, new: str) -> None:
    with transaction.atomic():
        row = Reservation.objects.select_for_update(no_key=True).filter(holder_id=holder_id, state=old).first()
        if row:
            row.state, row.changed_at = new, now()
            row.save(update_fields=["state", "changed_at"])
