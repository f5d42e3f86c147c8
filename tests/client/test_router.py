"""The router follows the registry's epoch: at once when it is told, soon when it is not, never beyond its bound."""

import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
from bailiwick_client import Refused, Registry, Route, Router

from tests.registry_server import RegistryServer, serving, snapshot

TENANT = "0198c0de-0000-7000-8000-00000000000a"
BOUND = 120.0


@pytest.fixture
def portal() -> Iterator[RegistryServer]:
    with serving() as server:
        server.snapshots[TENANT] = snapshot(TENANT)
        yield server


@pytest.fixture
def registry(portal: RegistryServer) -> Iterator[Registry]:
    client = Registry(portal.url, lambda: portal.token)
    yield client
    client.close()


@pytest.fixture
def router(registry: Registry) -> Router:
    return Router(registry)


def move(portal: RegistryServer, owner: str, epoch: int) -> None:
    portal.snapshots[TENANT] = snapshot(TENANT, region=owner, routing_epoch=epoch, config_version=epoch)


def test_the_route_is_the_registrys(router: Router) -> None:
    assert router.route(TENANT) == Route("ap-south-1", 1)


def test_a_tenant_that_may_not_be_served_has_no_route(portal: RegistryServer, router: Router) -> None:
    portal.snapshots[TENANT] = snapshot(TENANT, status="suspended")
    with pytest.raises(Refused):
        router.route(TENANT)


def test_a_newer_epoch_that_is_known_already_is_not_waited_for(portal: RegistryServer, router: Router) -> None:
    router.route(TENANT)
    assert router.wait_beyond(TENANT, 0, 0) == Route("ap-south-1", 1)


def test_everybody_who_waits_hears_of_the_switch(portal: RegistryServer, router: Router) -> None:
    router.route(TENANT)
    with ThreadPoolExecutor(4) as pool:
        waiting: list[Future[Route | None]] = [pool.submit(router.wait_beyond, TENANT, 1, BOUND) for _ in range(4)]
        move(portal, "eu-west-1", 2)
        assert {one.result() for one in waiting} == {Route("eu-west-1", 2)}
    assert router.route(TENANT) == Route("eu-west-1", 2)


def test_the_stream_is_enough_where_the_portal_does_not_answer(portal: RegistryServer, registry: Registry) -> None:
    router = Router(registry)
    router.route(TENANT)
    told = registry._held.configurations[TENANT]
    portal.answer_only_when.clear()
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(router.wait_beyond, TENANT, 1, BOUND)
        registry._take([type(told).of({**snapshot(TENANT, routing_epoch=2, config_version=2)})])
        assert waiting.result() == Route("ap-south-1", 2)
    portal.answer_only_when.set()


def test_the_wait_is_bounded_even_by_a_portal_that_hangs(portal: RegistryServer) -> None:
    registry = Registry(portal.url, lambda: portal.token, timeout_seconds=60)
    registry.tenant(TENANT)
    portal.answer_only_when.clear()
    began = time.monotonic()
    assert Router(registry).wait_beyond(TENANT, 1, 0.3) is None
    waited = time.monotonic() - began
    portal.answer_only_when.set()
    registry.close()
    assert 0.3 <= waited < 8, "the portal's answer hangs for ten seconds; the wait for it does not"


def test_a_fence_is_reported_once_an_epoch(portal: RegistryServer, router: Router) -> None:
    portal.posts[f"/api/v1/tenants/{TENANT}/fence-reports/"] = []
    assert [router.report_fenced(TENANT, epoch, 5.01) for epoch in (1, 1, 2)] == [True, False, True]
    assert [body["epoch"] for body in portal.posts[f"/api/v1/tenants/{TENANT}/fence-reports/"]] == [1, 2]


def test_a_portal_that_is_away_is_told_again(portal: RegistryServer, router: Router) -> None:
    assert not router.report_fenced(TENANT, 1, 5.0)
    portal.posts[f"/api/v1/tenants/{TENANT}/fence-reports/"] = []
    assert router.report_fenced(TENANT, 1, 5.0)
