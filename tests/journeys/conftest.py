"""One running product for all journeys. Tests that break what others stand on take it for themselves."""

import fcntl
from collections.abc import Iterator

import pytest

from portal.embedded.stack import Stack
from tests.journeys.product import CHAMPIONS, Product


@pytest.fixture(scope="session")
def running(full_stack: Stack) -> Product:
    """With envelopes that hold for every tenant of a whole sweep."""
    made = Product(full_stack)
    for unit in CHAMPIONS:
        body = {"envelope_inr": "1000000000.00", "reason": "The journeys ask for many tenants."}
        made.person("vikram").post(f"/api/v1/business-units/{unit}/envelope/", body)
    return made


@pytest.fixture
def product(running: Product) -> Iterator[Product]:
    """The product, shared with the journeys of other test processes."""
    yield from _taken(running, fcntl.LOCK_SH)


@pytest.fixture
def alone(running: Product) -> Iterator[Product]:
    """The product, while no journey of another test process runs."""
    yield from _taken(running, fcntl.LOCK_EX)


def _taken(running: Product, how: int) -> Iterator[Product]:
    with (running.stack.home.root / "journeys.lock").open("w") as gate:
        fcntl.flock(gate, how)
        yield running
        if how == fcntl.LOCK_EX:
            running.faults()
