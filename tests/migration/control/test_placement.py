"""Where a tenant is served: one of two placers wins, and an epoch is in force once."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from portal.access.actor import Actor
from portal.audit.models import Entry
from portal.jobs.models import OutboxEvent
from portal.lib.errors import Conflict
from tenants.models import Tenant
from tenants.placement.actions import Placement, begin_operation, end_operation, fresh_epoch, place, placement_of
from tests.admin.world import tenant

SYSTEM = Actor.system("migration")


@pytest.fixture
def bank(shipped: None) -> Tenant:
    return tenant("investment-banking", "FIN", "meera")


def put(one: Tenant, owner: str, epoch: int, expected: Placement) -> bool:
    return place(one.pk, owner, epoch, expected, actor=SYSTEM, reason="test")


def test_a_placement_moves_region_and_epoch_and_tells_everybody(bank: Tenant) -> None:
    before, epoch = placement_of(bank.pk), fresh_epoch(bank.pk)
    assert put(bank, "eu-west-1", epoch, before)
    assert placement_of(bank.pk) == Placement("eu-west-1", epoch)
    assert Tenant.objects.get(pk=bank.pk).config_version == bank.config_version + 1
    assert OutboxEvent.objects.filter(event="tenant.changed", payload__tenant_id=str(bank.pk)).exists()
    assert Entry.objects.filter(verb="tenant.placed", object_id=str(bank.pk)).exists()


def test_what_was_not_expected_changes_nothing(bank: Tenant) -> None:
    before, epoch = placement_of(bank.pk), fresh_epoch(bank.pk)
    assert not put(bank, "eu-west-1", epoch, Placement("eu-west-1", before.epoch))
    assert not put(bank, "eu-west-1", epoch, Placement(before.owner, before.epoch + 1))
    assert not put(bank, "eu-west-1", before.epoch, before)
    assert placement_of(bank.pk) == before


def test_an_epoch_that_was_never_given_out_is_refused(bank: Tenant) -> None:
    with pytest.raises(Conflict):
        put(bank, "eu-west-1", fresh_epoch(bank.pk) + 1, placement_of(bank.pk))


def test_epochs_only_rise_above_all_that_were_in_force(bank: Tenant) -> None:
    found = [fresh_epoch(bank.pk) for _ in range(3)]
    assert found == [bank.routing_epoch + n for n in (1, 2, 3)]
    assert put(bank, "ap-south-1", found[2], placement_of(bank.pk))
    assert fresh_epoch(bank.pk) == found[2] + 1


def test_a_fresh_epoch_is_never_taken_inside_a_transaction_that_may_take_it_back(transactional_db: None) -> None:
    with transaction.atomic(), pytest.raises(RuntimeError):
        fresh_epoch(Tenant().pk)


@pytest.mark.parametrize(
    "change",
    [
        "routing_epoch = routing_epoch - 1",
        "region = 'eu-west-1'",
        "routing_epoch = routing_epoch + 1",
        "region = 'eu-west-1', routing_epoch = routing_epoch + 1",
    ],
)
def test_the_database_refuses_what_no_placement_does(bank: Tenant, change: str) -> None:
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"UPDATE tenants_tenant SET {change} WHERE id = %s", [bank.pk])


def test_the_counter_never_falls(bank: Tenant) -> None:
    fresh_epoch(bank.pk)
    for statement in ("UPDATE placement_epochcounter SET value = value", "DELETE FROM placement_epochcounter"):
        with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)


@pytest.mark.django_db(transaction=True)
def test_of_two_placers_exactly_one_wins(bank: Tenant) -> None:
    before, start = placement_of(bank.pk), Barrier(2)

    def one(owner: str) -> tuple[bool, int]:
        try:
            epoch = fresh_epoch(bank.pk)
            start.wait(30)
            return put(bank, owner, epoch, before), epoch
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        found: dict[str, Any] = dict(
            zip(("ap-south-1", "eu-west-1"), pool.map(one, ("ap-south-1", "eu-west-1")), strict=True)
        )
    (winner,) = [Placement(owner, epoch) for owner, (won, epoch) in found.items() if won]
    assert placement_of(bank.pk) == winner
    assert len({epoch for _, epoch in found.values()}) == 2


def test_one_operation_at_a_time(bank: Tenant) -> None:
    begin_operation(bank.pk, "migrating", actor=SYSTEM, reason="test")
    begin_operation(bank.pk, "migrating", actor=SYSTEM, reason="again")
    with pytest.raises(Conflict):
        begin_operation(bank.pk, "restoring", actor=SYSTEM, reason="test")
    end_operation(bank.pk, "restoring", actor=SYSTEM, reason="not this one")
    assert Tenant.objects.get(pk=bank.pk).operation == "migrating"
    end_operation(bank.pk, "migrating", actor=SYSTEM, reason="over")
    assert Tenant.objects.get(pk=bank.pk).operation == ""
