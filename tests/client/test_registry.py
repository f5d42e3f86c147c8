"""The client refuses whatever it does not know, and never acts on an answer older than the lease."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from bailiwick_client import Refused, Registry, file_token

from tests.registry_server import RegistryServer, serving, snapshot

TENANT = "0198c0de-0000-7000-8000-00000000000a"


class Clock:
    """A boot-time clock the test moves."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def portal() -> Iterator[RegistryServer]:
    with serving() as server:
        server.snapshots[TENANT] = snapshot(TENANT)
        yield server


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def registry(portal: RegistryServer, clock: Clock) -> Iterator[Registry]:
    """A client whose clock stands still and that asks only when it is asked."""
    client = Registry(portal.url, lambda: portal.token, clock=clock, follows=False)
    yield client
    client.close()


def refusal(registry: Registry, tenant_id: str = TENANT) -> Refused:
    with pytest.raises(Refused) as caught:
        registry.tenant(tenant_id)
    return caught.value


def unplug(registry: Registry) -> None:
    """From now on nothing answers where the portal was."""
    registry._http.close()
    registry._http = httpx.Client(base_url="http://127.0.0.1:9", timeout=2.0)


def test_an_active_tenant_is_answered_and_held_for_the_lease(
    registry: Registry, portal: RegistryServer, clock: Clock
) -> None:
    found = registry.tenant(TENANT)
    assert (found.status, found.limits.max_documents) == ("active", 20_000)
    clock.now += 1.9
    registry.tenant(TENANT)
    assert len(portal.asked) == 1
    clock.now += 0.1
    registry.tenant(TENANT)
    assert len(portal.asked) == 2


def test_a_suspension_is_seen_when_the_lease_is_over(registry: Registry, portal: RegistryServer, clock: Clock) -> None:
    registry.tenant(TENANT)
    portal.snapshots[TENANT] = snapshot(TENANT, status="suspended", reason="unpaid", status_version=2)
    clock.now += 2.0
    refused = refusal(registry)
    assert (refused.code, refused.reason) == ("not_active", "the tenant is suspended: unpaid")


def test_asked_anew_it_is_seen_at_once(registry: Registry, portal: RegistryServer, clock: Clock) -> None:
    registry.tenant(TENANT)
    portal.snapshots[TENANT] = snapshot(TENANT, status="suspended", status_version=2)
    clock.now += 0.01
    with pytest.raises(Refused, match="suspended"):
        registry.tenant_now(TENANT)


@pytest.mark.parametrize("status", ["requested", "provisioning", "suspended", "archived", "erasing", "deleted", "?"])
def test_only_active_is_served(registry: Registry, portal: RegistryServer, status: str) -> None:
    portal.snapshots[TENANT] = snapshot(TENANT, status=status)
    assert refusal(registry).code == "not_active"


@pytest.mark.parametrize("status", ["provisioning", "suspended"])
def test_a_tenant_under_validation_is_marked(registry: Registry, portal: RegistryServer, status: str) -> None:
    portal.snapshots[TENANT] = snapshot(TENANT, status=status, validating=True)
    assert registry.tenant(TENANT).validating


def test_unknown_tenants_are_refused_after_one_question_for_all_who_ask_at_once(
    registry: Registry, portal: RegistryServer
) -> None:
    for number in range(50):
        assert refusal(registry, f"0198c0de-0000-7000-8000-0000000000{number:02}").code == "unknown"
    assert len(portal.asked) == 1


def test_a_tenant_made_a_moment_ago_is_known(registry: Registry, portal: RegistryServer, clock: Clock) -> None:
    registry.tenant(TENANT)
    other = "0198c0de-0000-7000-8000-00000000000b"
    portal.snapshots[other] = snapshot(other)
    clock.now += 0.001
    assert registry.tenant(other).status == "active"


@pytest.mark.parametrize(("on_outage", "ends"), [("refuse", "unreachable"), ("go_on", "active")])
def test_without_the_portal_the_tier_says_what_happens(
    registry: Registry, portal: RegistryServer, clock: Clock, on_outage: str, ends: str
) -> None:
    portal.snapshots[TENANT] = snapshot(TENANT, on_outage=on_outage)
    registry.tenant(TENANT)
    unplug(registry)
    clock.now += 1.5
    assert registry.tenant(TENANT).status == "active", "a blip inside the lease is not noticed"
    clock.now += 0.5
    assert (registry.tenant(TENANT).status if ends == "active" else refusal(registry).code) == ends
    known = registry.configuration(TENANT)
    assert known is not None and known.limits.max_documents == 20_000


@pytest.mark.parametrize("status", ["suspended", "archived"])
def test_no_outage_admits_who_was_refused_before_it(
    registry: Registry, portal: RegistryServer, clock: Clock, status: str
) -> None:
    portal.snapshots[TENANT] = snapshot(TENANT, status=status, on_outage="go_on")
    refusal(registry)
    unplug(registry)
    clock.now += 60.0
    assert refusal(registry).code == "not_active"
    assert refusal(registry, "0198c0de-0000-7000-8000-0000000000ff").code == "unreachable"


def test_a_start_in_an_outage_admits_nobody_and_knows_the_configuration(portal: RegistryServer, tmp_path: Path) -> None:
    portal.snapshots[TENANT] = snapshot(TENANT, on_outage="go_on")
    copy = tmp_path / "registry.json"
    first = Registry(portal.url, lambda: portal.token, copy=copy)
    first.tenant(TENANT)
    while not copy.exists():
        pass
    first.close()
    second = Registry("http://127.0.0.1:9", lambda: portal.token, copy=copy)
    assert refusal(second).code == "unreachable"
    known = second.configuration(TENANT)
    assert known is not None and known.region == "ap-south-1"
    second.close()
    copy.write_text(copy.read_text().replace("ap-south-1", "eu-west-1"))
    third = Registry("http://127.0.0.1:9", lambda: portal.token, copy=copy)
    assert third.configuration(TENANT) is None, "a copy that is not whole is none"
    third.close()


def test_the_lease_counts_from_the_moment_of_asking(registry: Registry, portal: RegistryServer, clock: Clock) -> None:
    portal.answer_only_when.clear()
    with ThreadPoolExecutor() as pool:
        asked = pool.submit(registry.tenant, TENANT)
        while not registry._asking.locked():
            pass
        while not portal.waiting:
            pass
        clock.now += 2.0
        portal.answer_only_when.set()
        with pytest.raises(Refused, match="after its lease"):
            asked.result()


def test_a_hanging_portal_is_given_up_once_for_all_who_wait(portal: RegistryServer) -> None:
    registry = Registry(portal.url, lambda: portal.token, timeout_seconds=0.2, follows=False)
    portal.answer_only_when.clear()
    with ThreadPoolExecutor(8) as pool:
        waiting = [pool.submit(refusal, registry) for _ in range(8)]
        assert {one.result().code for one in waiting} == {"unreachable"}
    assert portal.waiting <= 2, "whoever waited while it was given up takes that for an answer"
    portal.answer_only_when.set()
    registry.close()


def test_one_question_for_all_who_wait(portal: RegistryServer) -> None:
    registry = Registry(portal.url, lambda: portal.token, follows=False)
    portal.answer_only_when.clear()
    started = threading.Barrier(9)

    def ask() -> str:
        started.wait()
        return registry.tenant(TENANT).status

    with ThreadPoolExecutor(8) as pool:
        answers = [pool.submit(ask) for _ in range(8)]
        started.wait()
        portal.answer_only_when.set()
        assert {answer.result() for answer in answers} == {"active"}
    assert len(portal.asked) == 1
    registry.close()


def test_an_older_status_than_seen_is_refused(registry: Registry, portal: RegistryServer, clock: Clock) -> None:
    portal.snapshots[TENANT] = snapshot(TENANT, status="suspended", status_version=7)
    refusal(registry)
    portal.snapshots[TENANT] = snapshot(TENANT, status="active", status_version=6)
    clock.now += 2.0
    assert refusal(registry).code == "not_active"
    portal.snapshots[TENANT] = snapshot(TENANT, status="active", status_version=8)
    clock.now += 2.0
    assert registry.tenant(TENANT).status == "active"


@pytest.mark.parametrize(
    "body",
    [
        b"", b"<html>", b"[]", b'{"status_version":1}', b"null", b'{"status_version":true}', b"[" * 50_000,
    ],
)  # fmt: skip
def test_an_answer_that_is_none_is_refused(registry: Registry, portal: RegistryServer, body: bytes) -> None:
    portal.raw = body
    assert refusal(registry).code == "unreachable"


@pytest.mark.parametrize("field", list(snapshot(TENANT)))
def test_every_field_is_needed(registry: Registry, portal: RegistryServer, field: str) -> None:
    broken: dict[str, Any] = snapshot(TENANT)
    del broken[field]
    portal.snapshots[TENANT] = broken
    assert refusal(registry).code == "unreachable"


def test_a_refused_credential_is_unreachable_and_a_replaced_one_is_used(
    portal: RegistryServer, clock: Clock, tmp_path: Path
) -> None:
    file = tmp_path / "service_token"
    registry = Registry(portal.url, file_token(file), clock=clock, follows=False)
    assert refusal(registry).code == "unreachable", "no file yet"
    for token, ends in (("bwk_wrong", "unreachable"), (portal.token, "")):
        file.write_text(f"{token}\n")
        clock.now += 1.0
        assert not ends or refusal(registry).code == ends
    assert registry.tenant(TENANT).status == "active"
    registry.close()
