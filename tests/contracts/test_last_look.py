"""A hold that comes while a call waits, or between a call and its retry, is met by that call: nothing leaves."""

import io
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest
from botocore.awsrequest import AWSResponse

from lifecycle.erasure.engine import items
from lifecycle.erasure.engine.logs import Logs
from lifecycle.erasure.engine.objects import Objects
from lifecycle.erasure.engine.target import RESOURCE, Target
from lifecycle.stores import aws
from lifecycle.stores.errors import Held
from lifecycle.stores.logs import groups
from lifecycle.stores.names import TenantNames
from lifecycle.stores.objects import emptying, keys
from lifecycle.stores.postgres import fences
from lifecycle.stores.throttle import Throttle, looking
from portal.lib.regions import Region

Erase = Callable[[Region, TenantNames], object]


class Slow(io.BytesIO):
    """A body as urllib3 hands it over."""

    def stream(self, **_: Any) -> Iterator[bytes]:
        yield self.read()


@pytest.fixture
def held_after(region: Region, tenant: TenantNames) -> Iterator[TenantNames]:
    """A tenant with three versions of a file and a line of log; its hold ends with the test."""
    s3 = aws.client(region, "s3")
    for number in range(3):
        s3.put_object(Bucket=tenant.bucket, Key="kept", Body=b"%d" % number)
    aws.client(region, "logs").create_log_stream(logGroupName=tenant.log_group, logStreamName="kept")
    yield tenant
    fences.set_hold(region, tenant.tenant_id, False, fences.hold_of(region, tenant.tenant_id)[1] + 1)


def listed(region: Region, names: TenantNames, eraser: Any) -> Callable[[], int]:
    fences.raise_job_epoch(region, names.tenant_id, RESOURCE, 1)
    target = Target(uuid4(), names, "tenant", 1)
    items.put(region, target, eraser.system, eraser.ids(target))
    return lambda: eraser.erase(target, lambda done: None)


# service, its destructive operation, and who calls it
WAYS: dict[str, tuple[str, str, Erase]] = {
    "a bucket emptied": ("s3", "DeleteObjects", lambda region, names: emptying.empty(region, names.bucket)),
    "a group removed": ("logs", "DeleteLogGroup", lambda region, names: groups.remove(
        region, names.log_group, names.tenant_id)),
    "a key removed": ("kms", "ScheduleKeyDeletion", lambda region, names: keys.remove(
        region, names.kms_alias, names.tenant_id)),
    "versions erased": ("s3", "DeleteObjects", lambda region, names: listed(region, names, Objects(region))()),
    "a group erased": ("logs", "DeleteLogGroup", lambda region, names: listed(region, names, Logs(region))()),
}  # fmt: skip


def all_there(region: Region, names: TenantNames) -> None:
    assert len(aws.client(region, "s3").list_object_versions(Bucket=names.bucket)["Versions"]) == 3
    group = groups.read(region, names.log_group)
    key = keys.read(region, names.kms_alias)
    assert group is not None and key is not None and key.deletion_at is None


@pytest.mark.parametrize("way", [way for way in WAYS if way != "a key removed"])
def test_a_hold_between_the_question_and_the_call_is_met(region: Region, held_after: TenantNames, way: str) -> None:
    """The SDK has the call in hand, it is about to wait for its turn: then the hold is placed."""
    service, operation, erase = WAYS[way]
    events = aws.client(region, service).meta.events

    def placed(**_: Any) -> None:
        assert fences.set_hold(region, held_after.tenant_id, True, 1)

    events.register(f"before-call.{service}.{operation}", placed)
    try:
        with pytest.raises(Held):
            erase(region, held_after)
    finally:
        events.unregister(f"before-call.{service}.{operation}", placed)
    all_there(region, held_after)


@pytest.mark.parametrize("way", ["a bucket emptied", "a group removed", "versions erased", "a group erased"])
def test_a_hold_between_a_call_and_its_retry_is_met(region: Region, held_after: TenantNames, way: str) -> None:
    """The service asks to come back later; who comes back asks for the hold again."""
    service, operation, erase = WAYS[way]
    events, answered = aws.client(region, service).meta.events, []

    def overloaded(request: Any, **_: Any) -> AWSResponse | None:
        if answered:
            return None
        answered.append(fences.set_hold(region, held_after.tenant_id, True, 1))
        return AWSResponse(request.url, 503, {"Retry-After": "0.1"}, Slow(b""))

    events.register_last(f"before-send.{service}.{operation}", overloaded)
    try:
        with pytest.raises(Held):
            erase(region, held_after)
    finally:
        events.unregister(f"before-send.{service}.{operation}", overloaded)
    assert answered == [True]
    all_there(region, held_after)


def test_a_key_whose_call_has_begun_is_waited_for(region: Region, held_after: TenantNames) -> None:
    """Who places a hold waits for it, so nothing comes between; a key that is held already stays."""
    assert fences.set_hold(region, held_after.tenant_id, True, 1)
    with pytest.raises(Held):
        WAYS["a key removed"][2](region, held_after)
    all_there(region, held_after)


def test_the_last_look_comes_after_the_wait_and_those_outside_are_asked_as_well() -> None:
    asked: list[str] = []

    class Waiting:
        """Tokens that are had after one wait."""

        def take(self, rate: float, burst: float) -> float:
            asked.append("take")
            return 0.01 if len(asked) == 1 else 0.0

        def block(self, seconds: float) -> None: ...

    bucket = Throttle("aws", Waiting(), 1, 1)
    with looking(lambda: asked.append("outer")), looking(lambda: asked.append("inner")):
        bucket.take()
    bucket.take()
    assert asked == ["take", "take", "outer", "inner", "take"]
