"""Addresses of one server or of several, as libpq, Redis and Celery want them."""

from typing import Any

import pytest
from bailiwick_client.redis_at import Service, connect
from django.urls import resolve, reverse
from redis.sentinel import SentinelConnectionPool

from portal.lib import brokers, databases, replica

SENTINELS = "redis+sentinel://app:p%40ss@one:1,two/pair/3"


def test_of_several_database_servers_the_one_that_takes_writes_is_asked() -> None:
    found = databases.django("postgresql://app:p%2Fw@one:5432,two:5433/bailiwick?sslmode=require")
    assert (found["HOST"], found["PORT"], found["PASSWORD"]) == ("one,two", "5432,5433", "p/w")
    assert found["OPTIONS"].items() >= {"target_session_attrs": "read-write", "sslmode": "require"}.items()
    assert "target_session_attrs" not in databases.parameters("postgresql://app@one/bailiwick")


def test_sentinels_are_asked_for_the_primary() -> None:
    service = Service((("one", 1), ("two", 26379)), "pair", 3, "app", "p@ss")
    assert Service.of(SENTINELS) == service and Service.of("redis://one/0") is None
    pool: Any = connect(SENTINELS).connection_pool
    assert isinstance(pool, SentinelConnectionPool) and pool.connection_kwargs["password"] == "p@ss"
    address, options = brokers.address(SENTINELS)
    assert address == "sentinel://app:p%40ss@one:1/3;sentinel://app:p%40ss@two:26379/3"
    assert options["master_name"] == "pair" and brokers.address("redis://one/0") == ("redis://one/0", {})


@pytest.mark.parametrize("where", ["one:1", "one:1,/pair", "one/pair/x"])
def test_an_address_that_names_no_service_is_refused(where: str) -> None:
    with pytest.raises(ValueError):
        Service.of(f"redis+sentinel://{where}")


@pytest.mark.parametrize("name", ["tenant-list", "admin:tenants_tenant_changelist"])
def test_lists_are_known_by_their_names(name: str) -> None:
    assert (resolve(reverse(name)).url_name or "").endswith(replica.LISTS)
