"""A tenant to be erased, and its neighbour."""

from collections.abc import Iterator

import pytest

from portal.lib.regions import Region
from tests.erasure.made import Settled, settle, unsettle


@pytest.fixture
def settled(region: Region) -> Iterator[Settled]:
    made = settle(region)
    yield made
    unsettle(made)


@pytest.fixture
def neighbour(region: Region) -> Iterator[Settled]:
    made = settle(region, documents=2)
    yield made
    unsettle(made)
