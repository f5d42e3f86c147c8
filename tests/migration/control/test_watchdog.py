"""A tenant whose writers wait with nobody at work is given back to whoever owns it, at an epoch never seen before."""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from lifecycle.migration import schedule
from lifecycle.migration.control import Control
from lifecycle.migration.models import Migration
from lifecycle.migration.planning import regions
from lifecycle.migration.windows.models import Throttle
from lifecycle.stores.postgres import fences
from lifecycle.stores.postgres.connection import connection
from portal.audit.models import Entry
from portal.jobs.models import Job
from portal.lib.clock import now
from tenants.models import Tenant
from tenants.placement.actions import Placement, fresh_epoch, place, placement_of
from tests.admin.world import person

from .made import bank, migration

SIDES = ("ap-south-1", "eu-west-1")


@pytest.fixture
def moving(shipped: None, settings: Any) -> Iterator[Migration]:
    """A move at its switch, with a fence on both sides; the watchdog is impatient."""
    settings.MIGRATION = {**settings.MIGRATION, "fenced_seconds": -1}
    one = migration(bank(), "traffic_cutover_started")
    for name, state in zip(SIDES, ("open", "closed"), strict=True):
        fences.ensure(regions()[name], tenant_id=one.tenant_id, state=state)
    yield one
    for name in SIDES:
        fences.remove(regions()[name], one.tenant_id)


def states(one: Migration) -> tuple[str, ...]:
    found = [fences.read(regions()[name], one.tenant_id) for name in SIDES]
    return tuple(each.state if each else "missing" for each in found)


def test_an_open_owner_is_left_alone(moving: Migration) -> None:
    before = placement_of(moving.tenant_id)
    schedule.tick()
    assert placement_of(moving.tenant_id) == before


@pytest.mark.parametrize("owner", SIDES)
def test_the_owner_is_opened_whichever_side_it_is(moving: Migration, owner: str) -> None:
    before = placement_of(moving.tenant_id)
    if owner != before.owner:
        epoch = fresh_epoch(moving.tenant_id)
        assert place(moving.tenant_id, owner, epoch, before, actor=schedule.WATCHDOG, reason="test")
    for name in SIDES:
        fences.set_state(regions()[name], moving.tenant_id, "fenced")
    stood = placement_of(moving.tenant_id)
    schedule.tick()
    after = placement_of(moving.tenant_id)
    assert after == Placement(owner, after.epoch) and after.epoch > stood.epoch
    assert states(moving) == tuple("open" if name == owner else "closed" for name in SIDES)
    found = fences.read(regions()[owner], moving.tenant_id)
    assert found and found.epoch == after.epoch
    assert Entry.objects.filter(verb="migration.given_back", object_id=str(moving.pk)).exists()


def test_an_owner_that_is_open_at_another_epoch_serves_nobody(moving: Migration) -> None:
    """An abort that set the placement and did not reach the store: every write is refused, though it is open."""
    before = placement_of(moving.tenant_id)
    epoch = fresh_epoch(moving.tenant_id)
    assert place(moving.tenant_id, before.owner, epoch, before, actor=schedule.WATCHDOG, reason="test")
    schedule.tick()
    after, found = placement_of(moving.tenant_id), fences.read(regions()[before.owner], moving.tenant_id)
    assert after.owner == before.owner and after.epoch > epoch
    assert found and (found.state, found.epoch) == ("open", after.epoch)


def test_who_is_given_back_writes_at_full_pace(moving: Migration) -> None:
    slow = Throttle(migration=moving, asked_by=person("kiran"), reason="slow", writes_per_second=9, minutes=60)
    slow.save(force_insert=True)
    fences.set_state(regions()["ap-south-1"], moving.tenant_id, "fenced")
    schedule.tick()
    slow.refresh_from_db()
    assert slow.lifted_at and slow.lifted_because == "Nobody was at work."


def test_who_is_being_forgotten_is_fenced_in_a_store_before_it_opens(moving: Migration) -> None:
    blue, green = (regions()[name] for name in SIDES)
    person_and_request = (uuid4(), uuid4())
    with connection(blue) as db:
        db.execute(fences.FENCE_SUBJECT, (moving.tenant_id, *person_and_request))
    Control(schedule.Watch(moving), moving).admit(green)
    with connection(green) as db:
        assert db.execute(fences.SUBJECTS, (moving.tenant_id,)).fetchall() == [person_and_request]


def test_somebody_at_work_is_not_disturbed(moving: Migration) -> None:
    at = now()
    job = Job.objects.create(
        kind="migration.move", title="Move", tenant_id=moving.tenant_id, state="running", lease_holder="elsewhere:1:1",
        lease_until=at.replace(year=at.year + 1), requested_by="system:test",
    )  # fmt: skip
    Migration.objects.filter(pk=moving.pk).update(job_id=job.pk)
    fences.set_state(regions()["ap-south-1"], moving.tenant_id, "fenced")
    schedule.tick()
    assert states(moving) == ("fenced", "closed")


def test_a_moving_tenant_is_not_archived(moving: Migration, api: Any) -> None:
    Tenant.objects.filter(pk=moving.tenant_id).update(operation="migrating", status="suspended")
    answer = api("priya").post(f"/api/v1/tenants/{moving.tenant_id}/archive/", {"reason": "over"})
    assert answer.status_code == 423, answer.content
