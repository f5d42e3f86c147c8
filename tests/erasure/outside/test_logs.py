"""CloudWatch Logs: a tenant's group goes whole; of a person no line tells."""

import time
from uuid import uuid4

import pytest

from lifecycle.erasure.engine.logs import Logs
from lifecycle.stores import aws
from lifecycle.stores.errors import ForeignResource, Held
from lifecycle.stores.logs import groups
from lifecycle.stores.names import TenantNames
from lifecycle.stores.postgres import fences
from portal.lib.regions import Region

from .engine import Killed, erased, killed_at, listed, person, target


def write(region: Region, names: TenantNames, *streams: str) -> None:
    logs = aws.client(region, "logs")
    for stream in streams:
        logs.create_log_stream(logGroupName=names.log_group, logStreamName=stream)
        event = {"timestamp": int(time.time() * 1000), "message": "{}"}
        logs.put_log_events(logGroupName=names.log_group, logStreamName=stream, logEvents=[event])


def test_the_group_goes_with_its_streams(region: Region, tenant: TenantNames, neighbour: TenantNames) -> None:
    write(region, tenant, "platform/one", "platform/two")
    write(region, neighbour, "platform/one")
    found, gone = erased(region, Logs(region), target(region, tenant))
    group = tenant.log_group
    assert found == [group, f"{group}:platform/one", f"{group}:platform/two"] and gone == 3
    assert groups.read(region, group) is None and groups.read(region, neighbour.log_group)


def test_killed_before_and_called_again_it_ends_the_same(region: Region, tenant: TenantNames) -> None:
    write(region, tenant, "one")
    eraser, of = Logs(region), target(region, tenant)
    listed(region, eraser, of)
    with pytest.raises(Killed):
        eraser.erase(of, killed_at(batch=1))
    assert [eraser.erase(of, lambda _: None) for _ in range(2)] == [2, 2]
    eraser.settle(of)


def test_a_stream_that_was_not_listed_is_left_to_be_found(region: Region, tenant: TenantNames) -> None:
    write(region, tenant, "one", "two")
    eraser, of = Logs(region), target(region, tenant)
    listed(region, eraser, of)
    write(region, tenant, "late")
    assert eraser.erase(of, lambda _: None) == 2
    eraser.settle(of)
    assert list(eraser.ids(of)) == [tenant.log_group, f"{tenant.log_group}:late"]


def beneath(region: Region, names: TenantNames, name: str, *streams: str) -> str:
    """A group beneath the tenant's own, with streams; it goes with the tenant."""
    group, logs = f"{names.log_group}{name}", aws.client(region, "logs")
    logs.create_log_group(logGroupName=group)
    for stream in streams:
        logs.create_log_stream(logGroupName=group, logStreamName=stream)
    return group


def there(region: Region, names: TenantNames) -> dict[str, list[str]]:
    """Asked anew of the service: every group of the tenant, with its streams."""
    return {one: groups.streams(region, one) for one in groups.all_of(region, names.log_group)}


def test_what_a_law_keeps_stays_to_the_stream_and_for_longer(region: Region, tenant: TenantNames) -> None:
    own = tenant.log_group
    write(region, tenant, "audit", "audit/one", "audits/one", "platform/one")
    kept, other = beneath(region, tenant, "/audit", "one", "two"), beneath(region, tenant, "/audits", "one")
    found, gone = erased(region, Logs(region), target(region, tenant, kept=(("logs", "/audit"), ("logs", "audit/"))))
    assert set(found) == {f"{own}:audit", f"{own}:audits/one", f"{own}:platform/one", other, f"{other}:one"}
    assert gone == len(found) == 5
    assert there(region, tenant) == {own: ["audit/one"], kept: ["one", "two"]}
    states = [groups.read(region, one) for one in (own, kept)]
    assert [one.retention_days for one in states if one] == [0, 0], "what a law keeps does not expire before its day"


def test_what_the_end_of_a_hold_puts_back_is_taken_back(region: Region, tenant: TenantNames) -> None:
    write(region, tenant, "audit")
    eraser, of = Logs(region), target(region, tenant, kept=(("logs", "audit"),))
    erased(region, eraser, of)
    assert groups.set_retention(region, tenant.log_group, tenant.tenant_id, 30) == 30
    eraser.settle(of)
    state = groups.read(region, tenant.log_group)
    assert state and state.retention_days == 0


def test_where_nothing_of_the_part_is_there_the_group_goes_whole(region: Region, tenant: TenantNames) -> None:
    write(region, tenant, "platform/one")
    erased(region, Logs(region), target(region, tenant, kept=(("logs", "audit/"),)))
    assert there(region, tenant) == {}


def test_a_stream_of_what_is_kept_that_came_late_keeps_its_group(region: Region, tenant: TenantNames) -> None:
    write(region, tenant, "platform/one")
    eraser, of = Logs(region), target(region, tenant, kept=(("logs", "audit/"),))
    listed(region, eraser, of)
    write(region, tenant, "audit/late")
    assert [eraser.erase(of, lambda _: None) for _ in range(2)] == [1, 1]
    eraser.settle(of)
    assert there(region, tenant) == {tenant.log_group: ["audit/late"]}


@pytest.mark.parametrize(
    ("only", "left"),
    [
        ("audit/", {"/audit": ["one"]}),
        ("/audit", {"": ["audit/one"]}),
        ("audit/two", {"": ["audit/one"], "/audit": ["one"]}),
    ],
)
def test_of_a_part_whose_day_has_come_that_alone_goes(
    region: Region, tenant: TenantNames, only: str, left: dict[str, list[str]]
) -> None:
    write(region, tenant, "audit/one", *([only] if only == "audit/two" else []))
    beneath(region, tenant, "/audit", "one")
    erased(region, Logs(region), target(region, tenant, only=(("logs", only),)))
    assert there(region, tenant) == {f"{tenant.log_group}{name}": streams for name, streams in left.items()}


def test_of_a_person_there_is_nothing_to_delete_and_why(region: Region, tenant: TenantNames) -> None:
    write(region, tenant, "one")
    eraser, of = Logs(region), person(region, tenant, uuid4())
    assert erased(region, eraser, of) == ([], 0)
    said = eraser.hint(of)
    assert said and said.outcome == "anonymised" and "none names a user" in said.reason
    assert eraser.hint(target(region, tenant)) is None and groups.read(region, tenant.log_group)


def test_a_held_tenants_group_and_anothers_stay(region: Region, tenant: TenantNames) -> None:
    eraser, of = Logs(region), target(region, tenant)
    listed(region, eraser, of)
    fences.set_hold(region, tenant.tenant_id, True, 1)
    with pytest.raises(Held):
        eraser.erase(of, lambda _: None)
    fences.set_hold(region, tenant.tenant_id, False, 2)
    state = groups.read(region, tenant.log_group)
    assert state
    logs = aws.client(region, "logs")
    logs.tag_resource(resourceArn=state.arn, tags={"TenantID": str(uuid4())})
    with pytest.raises(ForeignResource):
        eraser.erase(of, lambda _: None)
    logs.tag_resource(resourceArn=state.arn, tags={"TenantID": str(tenant.tenant_id)})
