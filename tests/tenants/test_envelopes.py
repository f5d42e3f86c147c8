"""The envelope: states and their moves, a movement for each, and no oversubscription however many ask at once."""

import itertools
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from threading import Barrier
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import DatabaseError, connection, transaction
from django.db.models import Sum

from portal.audit.context import acting
from portal.lib.errors import Blocked
from tenants import envelopes
from tenants.models import HELD, BusinessUnit, Movement, Reservation, ReservationState

from .test_usage import SYSTEM

MOVES = {
    ("requested", "reserved"), ("requested", "released"), ("reserved", "committed"), ("reserved", "released"),
    ("committed", "actual"), ("committed", "released"), ("actual", "released"), ("released", "requested"),
}  # fmt: skip
PATHS = {
    "requested": [],
    "reserved": ["reserved"],
    "committed": ["reserved", "committed"],
    "actual": ["reserved", "committed", "actual"],
    "released": ["released"],
}


@pytest.fixture
def unit(shipped: None) -> BusinessUnit:
    return BusinessUnit.objects.create(code="ENV", name="Envelope", cost_centre="CC-E", envelope_inr=Decimal("1000.00"))


def reserve(amount: str, holder: UUID | None = None) -> Reservation:
    holder = holder or uuid4()
    return envelopes.reserve("ENV", holder_id=holder, tenant_id=holder, amount_inr=Decimal(amount))


def in_state(state: str) -> Reservation:
    row = Reservation.objects.create(
        business_unit_id="ENV", holder_id=uuid4(), tenant_id=uuid4(), amount_inr=Decimal("10.01")
    )
    for following in PATHS[state]:
        row.state = following
        row.save()
    return row


def balances() -> dict[str, Decimal]:
    """What came into each state less what left it."""
    found = dict.fromkeys(ReservationState.values, Decimal(0))
    for state in found:
        for sign, side in ((1, "new"), (-1, "old")):
            moved = Movement.objects.filter(reservation__business_unit="ENV", **{side: state})
            found[state] += sign * (moved.aggregate(total=Sum("amount_inr"))["total"] or Decimal(0))
    return found


def consistent(unit: BusinessUnit) -> None:
    assert balances() == envelopes.by_state(unit)
    assert envelopes.used_inr(unit) == sum(balances()[state] for state in HELD)


def test_from_request_to_release(unit: BusinessUnit) -> None:
    holder = reserve("600.50").holder_id
    envelopes.commit(holder)
    envelopes.settle([holder])
    assert envelopes.used_inr(unit) == Decimal("600.50")
    envelopes.give_back([holder])
    assert envelopes.used_inr(unit) == 0
    steps = list(Movement.objects.filter(reservation__holder_id=holder).values_list("old", "new"))
    assert steps == [
        ("", "requested"), ("requested", "reserved"), ("reserved", "committed"), ("committed", "actual"),
        ("actual", "released"),
    ]  # fmt: skip
    consistent(unit)


def test_a_request_that_is_repriced_or_asks_again(unit: BusinessUnit) -> None:
    holder = reserve("600.00").holder_id
    assert reserve("999.99", holder).amount_inr == Decimal("999.99")
    with pytest.raises(Blocked):
        reserve("1000.01", holder)
    envelopes.release(holder)
    assert envelopes.used_inr(unit) == 0
    reserve("300.00", holder)
    envelopes.commit(holder)
    assert reserve("900.00", holder).amount_inr == Decimal("300.00"), "what is committed keeps its amount"
    consistent(unit)


def test_every_move_in_the_database(unit: BusinessUnit) -> None:
    for old, new in itertools.product(ReservationState.values, repeat=2):
        row = in_state(old)
        try:
            with transaction.atomic():
                Reservation.objects.filter(pk=row.pk).update(state=new)
            moved = True
        except DatabaseError:
            moved = False
        assert moved == (old == new or (old, new) in MOVES), (old, new)
    consistent(unit)


def test_the_database_holds_the_envelope_and_the_amounts(unit: BusinessUnit) -> None:
    asking, promised, become = in_state("requested"), in_state("reserved"), in_state("committed")
    for row, changes in (
        (asking, {"state": "reserved", "amount_inr": Decimal("979.99")}),
        (promised, {"amount_inr": Decimal("990.00")}),
        (become, {"amount_inr": Decimal("10.00")}),
        (asking, {"amount_inr": Decimal(0)}),
        (asking, {"state": "blessed"}),
    ):
        with pytest.raises(DatabaseError), transaction.atomic():
            Reservation.objects.filter(pk=row.pk).update(**changes)
    fields = {"business_unit": unit, "holder_id": uuid4(), "tenant_id": uuid4(), "amount_inr": Decimal(1)}
    for state in ("reserved", "committed", "actual", "released"):
        with pytest.raises(DatabaseError), transaction.atomic():
            Reservation.objects.create(state=state, **fields)
    for sql in (
        "UPDATE tenants_movement SET amount_inr = 1",
        "DELETE FROM tenants_movement",
        "DELETE FROM tenants_reservation",
    ):
        with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(sql)
    consistent(unit)


# -- races ------------------------------------------------------------------------------------------------------------
AT_ONCE, ASKED = 50, 100  # so many threads, which the connections of a test cluster allow
AMOUNTS = [Decimal(f"{17 + number % 9}.{number:02d}") for number in range(ASKED)]


def ask(amount: Decimal, barrier: Barrier) -> Decimal:
    """What one request got: its amount, or nothing."""
    try:
        connection.ensure_connection()
        barrier.wait(120)
        with acting(SYSTEM, "race"):
            return reserve(str(amount)).amount_inr
    except Blocked:
        return Decimal(0)
    finally:
        connection.close()


@pytest.mark.django_db(transaction=True)
def test_a_hundred_at_once_are_exact_to_the_paisa(transactional_db: Any, unit: BusinessUnit) -> None:
    barrier = Barrier(AT_ONCE)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        got = list(pool.map(lambda amount: ask(amount, barrier), AMOUNTS))
    assert sum(AMOUNTS) > unit.envelope_inr, "they cannot all be given"
    assert sum(got) == envelopes.used_inr(unit) <= unit.envelope_inr
    refused = [amount for amount, given in zip(AMOUNTS, got, strict=True) if not given]
    assert min(refused) > unit.envelope_inr - sum(got), "nobody was refused what there was room for"
    assert Reservation.objects.filter(business_unit=unit).count() == len([one for one in got if one])
    consistent(unit)


@pytest.mark.django_db(transaction=True)
def test_the_database_alone_holds_it_too(transactional_db: Any, unit: BusinessUnit) -> None:
    """As writers past the actions would: each row straight from requested to reserved."""
    rows = [
        Reservation.objects.create(business_unit=unit, holder_id=uuid4(), tenant_id=uuid4(), amount_inr=amount)
        for amount in AMOUNTS
    ]

    def promise(row: Reservation) -> bool:
        try:
            with acting(SYSTEM, "race"):
                return bool(Reservation.objects.filter(pk=row.pk).update(state="reserved"))
        except DatabaseError:
            return False
        finally:
            connection.close()

    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(promise, rows))
    assert 0 < envelopes.used_inr(unit) <= unit.envelope_inr
    consistent(unit)
