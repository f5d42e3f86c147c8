"""Where a tenant's requests go: every transaction says the epoch it was routed by, and a refusal for it is a 503."""

from collections.abc import Iterator
from uuid import UUID

import pytest

from ragplatform.metrics import REGISTRY
from ragplatform.problems import Moved
from ragplatform.services import Services
from tests.ragplatform.conftest import Platform, Tenant, in_process

SAID = "SELECT current_setting('bw.epoch', true)"
REFUSE = "DO $$ BEGIN RAISE EXCEPTION 'moved' USING ERRCODE = '55BWF'; END $$"


@pytest.fixture
def services(platform: Platform) -> Iterator[Services]:
    services = in_process(platform)
    yield services
    services.stop()


def said(services: Services, tenant_id: UUID) -> str:
    with services.database.tenant(services.bindings.of(tenant_id)) as connection:
        row = connection.execute(SAID).fetchone()
    assert row
    return str(row[0])


def test_a_transaction_says_the_epoch_known_now(services: Services, fresh: Tenant) -> None:
    assert said(services, fresh.id) == "1"
    fresh.publish(routing_epoch=7)
    assert said(services, fresh.id) == "7"


def test_of_a_tenant_the_registry_does_not_know_nothing_can_be_written(services: Services, fresh: Tenant) -> None:
    del fresh.platform.portal.snapshots[str(fresh.id)]
    assert said(services, fresh.id) == "0"


def test_a_tenant_that_moved_away_is_neither_swept_nor_told_here(services: Services, fresh: Tenant) -> None:
    def is_told() -> bool:
        return REGISTRY.get_sample_value("rag_documents", {"tenant": str(fresh.id)}) is not None

    told = services.publish_levels(set())
    assert fresh.id in services.bindings.tenants() and is_told()
    fresh.publish(region="eu-west-1", routing_epoch=2)
    told = services.publish_levels(told)
    assert fresh.id not in services.bindings.tenants() and not is_told()
    fresh.publish(region="ap-south-1", routing_epoch=3)
    assert fresh.id in services.publish_levels(told) and is_told(), "it came back"


def test_an_epoch_the_store_refuses_is_a_503_that_says_so(services: Services, fresh: Tenant) -> None:
    binding = services.bindings.of(fresh.id)
    with pytest.raises(Moved) as refused, services.database.tenant(binding) as connection:
        connection.execute(REFUSE)
    assert (refused.value.status, refused.value.epoch) == (503, 1)
    assert refused.value.headers["Retry-After"]
