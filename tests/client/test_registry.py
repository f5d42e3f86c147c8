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
    client = Registry(portal.url, lambda: portal.token, clock=clock)
    yield client
    client.close()


def refusal(registry: Registry, tenant_id: str = TENANT) -> Refused:
    with pytest.raises(Refused) as caught:
        registry.tenant(tenant_id)
    return caught.value


def test_an_active_tenant_is_answered_and_held_for_the_lease(
    registry: Registry, portal: RegistryServer, clock: Clock
) -> None:
    found = registry.tenant(TENANT)
    assert (found.status, found.limits.max_documents) == ("active", 20_000)
    clock.now += 0.9
    registry.tenant(TENANT)
    assert len(portal.asked) == 1
    clock.now += 1.2
    registry.tenant(TENANT)
    assert len(portal.asked) == 2


def test_a_suspension_is_seen_when_the_lease_is_over(registry: Registry, portal: RegistryServer, clock: Clock) -> None:
    registry.tenant(TENANT)
    portal.snapshots[TENANT] = snapshot(TENANT, status="suspended", status_version=2)
    clock.now += 2.0
    refused = refusal(registry)
    assert refused.code == "not_active"
    assert "suspended" in refused.reason


@pytest.mark.parametrize("status", ["requested", "provisioning", "suspended", "archived", "erasing", "deleted", "?"])
def test_only_active_is_served(registry: Registry, portal: RegistryServer, status: str) -> None:
    portal.snapshots[TENANT] = snapshot(TENANT, status=status)
    assert refusal(registry).code == "not_active"


@pytest.mark.parametrize("status", ["provisioning", "suspended"])
def test_a_tenant_under_validation_is_marked(registry: Registry, portal: RegistryServer, status: str) -> None:
    portal.snapshots[TENANT] = snapshot(TENANT, status=status, validating=True)
    assert registry.tenant(TENANT).validating


def test_an_unknown_tenant_is_refused(registry: Registry) -> None:
    assert refusal(registry, "0198c0de-0000-7000-8000-0000000000ff").code == "unknown"


def test_an_unreachable_portal_refuses_once_the_lease_is_over(clock: Clock) -> None:
    with serving() as portal:
        portal.snapshots[TENANT] = snapshot(TENANT)
        registry = Registry(portal.url, lambda: portal.token, clock=clock)
        registry.tenant(TENANT)
    registry._http.close()
    registry._http = httpx.Client(base_url=f"http://127.0.0.1:{portal.port}", timeout=2.0)
    clock.now += 1.5
    assert registry.tenant(TENANT).status == "active", "a blip inside the lease is not noticed"
    clock.now += 0.5
    assert refusal(registry).code == "unreachable"
    registry.close()


def test_the_lease_counts_from_the_moment_of_asking(portal: RegistryServer, clock: Clock) -> None:
    registry = Registry(portal.url, lambda: portal.token, clock=clock)
    portal.answer_only_when.clear()
    with ThreadPoolExecutor() as pool:
        asked = pool.submit(registry.tenant, TENANT)
        while TENANT not in registry._flights:
            pass
        clock.now += 2.0
        portal.answer_only_when.set()
        with pytest.raises(Refused, match="after its lease"):
            asked.result()
    registry.close()


def test_a_hanging_portal_is_given_up(portal: RegistryServer) -> None:
    registry = Registry(portal.url, lambda: portal.token, timeout_seconds=0.2)
    portal.answer_only_when.clear()
    assert refusal(registry).code == "unreachable"
    portal.answer_only_when.set()
    registry.close()


def test_one_question_for_all_who_wait(portal: RegistryServer) -> None:
    registry = Registry(portal.url, lambda: portal.token)
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
    assert len(portal.asked) <= 2, "a caller that came after the answer holds the lease"
    registry.close()


def test_an_older_status_than_seen_is_refused(registry: Registry, portal: RegistryServer, clock: Clock) -> None:
    portal.snapshots[TENANT] = snapshot(TENANT, status="suspended", status_version=7)
    refusal(registry)
    portal.snapshots[TENANT] = snapshot(TENANT, status="active", status_version=6)
    clock.now += 2.0
    assert refusal(registry).code == "unreachable"
    portal.snapshots[TENANT] = snapshot(TENANT, status="active", status_version=8)
    assert registry.tenant(TENANT).status == "active"


@pytest.mark.parametrize(
    "body",
    [
        b"", b"<html>", b"[]", b'{"status":"active"}', b"null", b'{"tenant_id":true}', b"[" * 50_000,
    ],
)  # fmt: skip
def test_an_answer_that_is_no_snapshot_is_refused(registry: Registry, portal: RegistryServer, body: bytes) -> None:
    portal.raw = body
    assert refusal(registry).code == "unreachable"


@pytest.mark.parametrize("field", list(snapshot(TENANT)))
def test_every_field_is_needed(registry: Registry, portal: RegistryServer, field: str) -> None:
    broken: dict[str, Any] = snapshot(TENANT)
    del broken[field]
    portal.snapshots[TENANT] = broken
    assert refusal(registry).code == "unreachable"


def test_an_answer_for_another_tenant_is_refused(registry: Registry, portal: RegistryServer) -> None:
    portal.snapshots[TENANT] = snapshot("0198c0de-0000-7000-8000-00000000000b")
    assert refusal(registry).code == "unreachable"


def test_a_refused_credential_is_unreachable_and_a_replaced_one_is_used(portal: RegistryServer, tmp_path: Path) -> None:
    file = tmp_path / "service_token"
    registry = Registry(portal.url, file_token(file))
    assert refusal(registry).code == "unreachable", "no file yet"
    file.write_text("bwk_wrong\n")
    assert refusal(registry).code == "unreachable"
    file.write_text(portal.token + "\n")
    assert registry.tenant(TENANT).status == "active"
    registry.close()


def test_a_tenant_id_cannot_leave_its_path(registry: Registry, portal: RegistryServer) -> None:
    assert refusal(registry, "../../.well-known/jwks.json").code == "unknown"
    assert portal.asked == ["/v1/snapshot/..%2F..%2F.well-known%2Fjwks.json"]
