"""The reservation ledger of a business unit's annual envelope: requests in parallel cannot oversubscribe it.

requested → reserved → committed (the tenant is active) → actual (it is being charged) → released. The database checks
each move and the envelope again, and writes a movement for it.
"""

from collections.abc import Collection
from decimal import Decimal
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet, Sum

from portal.lib.clock import now
from portal.lib.errors import Blocked
from portal.lib.money import inr

from .models import HELD, BusinessUnit, Reservation, ReservationState, Tenant

BECOME = (ReservationState.COMMITTED, ReservationState.ACTUAL)


def used_inr(unit: BusinessUnit) -> Decimal:
    """What is reserved, committed or being charged of the envelope, INR a year."""
    live = unit.reservations.filter(state__in=HELD)
    return live.aggregate(total=Sum("amount_inr"))["total"] or Decimal(0)


def by_state(unit: BusinessUnit) -> dict[str, Decimal]:
    """What the unit's reservations hold in each state, INR a year."""
    rows = unit.reservations.order_by().values("state").annotate(total=Sum("amount_inr"))
    return dict.fromkeys(ReservationState.values, Decimal(0)) | {row["state"]: row["total"] for row in rows}


@transaction.atomic
def reserve(unit_code: str, *, holder_id: UUID, tenant_id: UUID, amount_inr: Decimal) -> Reservation:
    """Set `amount_inr` aside for a request, or raise Blocked with what is left.

    One reservation per holder: asking again changes its amount, which is how a resubmitted request is repriced.
    """
    unit = BusinessUnit.objects.select_for_update(no_key=True).get(pk=unit_code)
    held = Reservation.objects.filter(holder_id=holder_id).first()
    if held and held.state in BECOME:
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
    if held is None:
        held = Reservation.objects.create(
            business_unit=unit, holder_id=holder_id, tenant_id=tenant_id, amount_inr=amount_inr
        )
    elif held.state == ReservationState.RELEASED:
        _to(held, ReservationState.REQUESTED)
    held.business_unit, held.tenant_id, held.amount_inr = unit, tenant_id, amount_inr
    _to(held, ReservationState.RESERVED)
    return held


def commit(holder_id: UUID) -> None:
    """The request became a tenant: its reservation is now a commitment."""
    _move(holder_id, ReservationState.RESERVED, ReservationState.COMMITTED)


def release(holder_id: UUID) -> None:
    """The request ended without a tenant: give the amount back."""
    _move(holder_id, ReservationState.RESERVED, ReservationState.RELEASED)


def end(holder_id: UUID) -> None:
    """What was held for it is over, however far it had come: give the amount back."""
    for row in _locked().filter(holder_id=holder_id, state__in=HELD):
        _to(row, ReservationState.RELEASED)


def lower(tenant: Tenant, *, holder_id: UUID, by_inr: Decimal) -> None:
    """Hold less for a tenant: its commitments become one of `holder_id`, smaller by `by_inr`, or none."""
    BusinessUnit.objects.select_for_update(no_key=True).get(pk=tenant.business_unit_id)
    held = list(_locked().filter(tenant_id=tenant.pk, state__in=BECOME))
    left = sum((row.amount_inr for row in held), Decimal(0)) - by_inr
    for row in held:
        _to(row, ReservationState.RELEASED)
    if left > 0:
        reserve(tenant.business_unit_id, holder_id=holder_id, tenant_id=tenant.pk, amount_inr=left)
        commit(holder_id)


def settle(tenants: Collection[UUID]) -> None:
    """A month of these tenants was charged: what was committed for them is actual."""
    for row in _locked().filter(tenant_id__in=tenants, state=ReservationState.COMMITTED):
        _to(row, ReservationState.ACTUAL)


def give_back(tenants: Collection[UUID]) -> None:
    """These tenants are gone: nothing more is held for them."""
    for row in _locked().filter(tenant_id__in=tenants, state__in=HELD):
        _to(row, ReservationState.RELEASED)


def _move(holder_id: UUID, old: str, new: str) -> None:
    with transaction.atomic():
        row = _locked().filter(holder_id=holder_id, state=old).first()
        if row:
            _to(row, new)


def _locked() -> QuerySet[Reservation]:
    return Reservation.objects.select_for_update(no_key=True)


def _to(row: Reservation, new: str) -> None:
    row.state, row.changed_at = new, now()
    row.save()
