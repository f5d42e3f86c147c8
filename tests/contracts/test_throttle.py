"""The shared rate: one bucket for all processes, and a provider's wish to wait is everybody's."""

import time
from uuid import uuid4

import pytest
import redis

from lifecycle.stores.errors import Transient
from lifecycle.stores.throttle import OwnTokens, SharedTokens, Throttle, Tokens, retry_after
from portal.lib.regions import Region


@pytest.fixture(params=["shared", "own"])
def tokens(request: pytest.FixtureRequest, region: Region) -> Tokens:
    if request.param == "own":
        return OwnTokens()
    connection = redis.Redis(
        host=region.cache.host, port=region.cache.port, password=region.cache.admin_password, socket_timeout=2
    )
    return SharedTokens(connection, f"throttle:test:{uuid4()}")


def test_a_burst_passes_and_the_rate_holds(tokens: Tokens) -> None:
    bucket = Throttle("aws", tokens, rate=50, burst=5)
    began = time.monotonic()
    for _ in range(15):
        bucket.take()
    assert 0.18 <= time.monotonic() - began <= 1.0  # 5 at once, 10 at 50 a second


def test_two_takers_share_one_bucket(tokens: Tokens) -> None:
    first, second = Throttle("aws", tokens, 1, 2), Throttle("aws", tokens, 1, 2)
    first.take()
    second.take()
    with pytest.raises(Transient) as refused:
        first.take(patience=0.1)
    assert refused.value.retry_after and refused.value.retry_after <= 1.0


def test_back_off_stops_everybody(tokens: Tokens) -> None:
    bucket = Throttle("aws", tokens, rate=1000, burst=1000)
    bucket.back_off(0.3)
    with pytest.raises(Transient):
        bucket.take(patience=0.05)
    bucket.take(patience=1.0)


@pytest.mark.parametrize(("header", "seconds"), [("3", 3.0), (None, 1.0), ("soon", 1.0), ("-4", 0.0)])
def test_retry_after(header: str | None, seconds: float) -> None:
    assert retry_after(header) == seconds
