"""What expires by itself does not while a hold stands, and does again afterwards: rules, retention, a key's end."""

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from django.db import IntegrityError, transaction

from compliance.holds.models import Hold, StoreHold, Suspended
from lifecycle.holding import expiring
from lifecycle.stores import aws
from lifecycle.stores.logs import groups
from lifecycle.stores.objects import buckets, keys
from portal.audit.models import Entry
from portal.jobs import runner
from portal.jobs.actions import wake
from portal.jobs.models import Job
from portal.notify.models import Notice
from tests.contracts.test_last_look import Slow
from tests.holds.conftest import Two
from tests.holds.test_fencing import follow, in_store, place, release
from tests.suspension.conftest import SYSTEM, World, work

pytestmark = pytest.mark.django_db(transaction=True)


def in_force(world: World) -> dict[str, Any]:
    """What the stores themselves say would expire."""
    rules = buckets.expiry(world.region, world.names.bucket) or []
    group = groups.read(world.region, world.names.log_group)
    assert group is not None
    waiting = [one.arn for one in keys.of_tenant_keys(world.region, world.tenant.pk) if one.deletion_at]
    return {
        "rules": [one for one in rules if one["Status"] == "Enabled"],
        "days": group.retention_days,
        "keys": waiting,
    }


@pytest.fixture
def expiring_tenant(world: World) -> World:
    """Its bucket has rules, its logs a retention, and its key waits for its deletion."""
    assert keys.remove(world.region, world.names.kms_alias, world.tenant.pk) is not None
    found = in_force(world)
    assert found["rules"] and found["days"] and found["keys"]
    return world


def systems(world: World, hold: Hold) -> dict[str, str]:
    row = StoreHold.objects.get(hold=hold, region=world.region.name)
    return {name: one["state"] for name, one in row.systems.items()}


def released(world: World, hold: Hold, counsel: Two) -> None:
    release(hold, counsel)
    follow(world)


def test_a_group_beneath_the_tenants_own_does_not_expire_under_a_hold_either(world: World, counsel: Two) -> None:
    group = f"{world.names.log_group}/audit"
    spec = groups.LogGroupSpec(world.tenant.pk, group, 7, {"TenantID": str(world.tenant.pk)})
    assert groups.ensure(world.region, spec).retention_days == 7
    hold = place(world, counsel[0])
    follow(world)
    assert [days(world, one) for one in (group, world.names.log_group)] == [0, 0]
    released(world, hold, counsel)
    assert days(world, group) == 7 and days(world, world.names.log_group) > 0


def days(world: World, group: str) -> int:
    state = groups.read(world.region, group)
    assert state is not None
    return state.retention_days


def test_nothing_expires_under_a_hold_and_everything_is_put_back(expiring_tenant: World, counsel: Two) -> None:
    world, before = expiring_tenant, in_force(expiring_tenant)
    one, two = place(world, counsel[0]), place(world, counsel[1])
    assert follow(world).state == "succeeded"
    assert in_force(world) == {"rules": [], "days": 0, "keys": []}
    one.refresh_from_db()
    assert one.state == "active"
    assert systems(world, one) == {"objects": "suspended", "logs": "suspended", "keys": "suspended"}
    assert Entry.objects.filter(verb="hold.expiry_suspended").count() == Suspended.objects.count() == 3
    with pytest.raises(IntegrityError, match="retained under law"), transaction.atomic():
        Suspended.objects.update(restored_at=one.placed_at)
    released(world, one, counsel)
    assert in_force(world) == {"rules": [], "days": 0, "keys": []}, "the other one stands"
    released(world, two, counsel)
    assert in_force(world) == before, "the key's days begin anew, and it waits again"
    assert set(systems(world, two).values()) == {"in_force"}
    assert not Suspended.objects.filter(restored_at=None).exists()
    assert Entry.objects.filter(verb="hold.expiry_restored").count() == 3
    with pytest.raises(IntegrityError, match="stays on record"), transaction.atomic():
        Suspended.objects.all().delete()


def test_what_is_put_in_force_meanwhile_is_switched_off_again(world: World, counsel: Two) -> None:
    hold = place(world, counsel[0])
    follow(world)
    groups.set_retention(world.region, world.names.log_group, world.tenant.pk, 7)
    expiring.bring(world.region, world.tenant, SYSTEM)
    assert in_force(world)["days"] == 0
    released(world, hold, counsel)
    assert in_force(world)["days"] == 7, "what was meant last"


class Deaf:
    """A service that answers every change of a bucket's rules with success and, until it hears, changes nothing."""

    hears, asked = False, 0

    def __call__(self, request: Any, **_: Any) -> AWSResponse | None:
        self.asked += 1
        return None if self.hears else AWSResponse(request.url, 200, {}, Slow(b""))


@pytest.fixture
def deaf(world: World) -> Iterator[Deaf]:
    events, made = aws.client(world.region, "s3").meta.events, Deaf()
    events.register_last("before-send.s3.PutBucketLifecycleConfiguration", made)
    yield made
    events.unregister("before-send.s3.PutBucketLifecycleConfiguration", made)


def test_a_success_that_changed_nothing_is_not_believed(world: World, counsel: Two, deaf: Deaf) -> None:
    """The hold is not said to be in force there, people are alerted, and it is tried until the store itself agrees."""
    hold = place(world, counsel[0])
    job = follow(world)
    hold.refresh_from_db()
    assert deaf.asked and (hold.state, job.state) == ("placing", "waiting")
    assert in_store(world) == (True, 1), "the database keeps everything meanwhile"
    assert systems(world, hold) == {"objects": "not_effective", "logs": "suspended", "keys": "nothing"}
    notices = Notice.objects.filter(event="hold.blocked", severity="critical", title__contains="not effective")
    told = notices.count()
    assert told > 0
    wake(job.pk)
    runner.run(job.pk)
    follow(world)
    assert notices.count() == told, "once"
    deaf.hears = True
    assert work(Job.objects.get(pk=job.pk)).state == "succeeded"
    hold.refresh_from_db()
    assert hold.state == "active" and in_force(world)["rules"] == []
    assert systems(world, hold)["objects"] == "suspended"
    released(world, hold, counsel)


def test_a_worker_that_dies_before_the_store_hears_loses_nothing(world: World, counsel: Two) -> None:
    """What was in force is on record before the store is told; who comes next finds it there and goes on."""
    before, events = in_force(world), aws.client(world.region, "logs").meta.events

    def dies(**_: Any) -> None:
        raise KeyboardInterrupt  # as a worker that is told to go: no step's own handling takes it for an error

    events.register("before-call.cloudwatch-logs.DeleteRetentionPolicy", dies)
    hold = place(world, counsel[0])
    try:
        with pytest.raises(KeyboardInterrupt):
            expiring.bring(world.region, world.tenant, SYSTEM)
    finally:
        events.unregister("before-call.cloudwatch-logs.DeleteRetentionPolicy", dies)
    assert in_force(world)["days"] == before["days"] == Suspended.objects.get(system="logs").before["days"]
    follow(world)
    assert in_force(world)["days"] == 0
    released(world, hold, counsel)
    assert in_force(world) == before
