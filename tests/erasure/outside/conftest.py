"""A tenant with everything in its stores, and one that nothing may happen to."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from lifecycle.stores.names import TenantNames
from portal.lib.regions import Region
from tests.contracts import tenants
from tests.contracts.conftest import names as names  # fixtures
from tests.contracts.conftest import tenant as tenant


@pytest.fixture
def neighbour(region: Region, tmp_path: Path) -> Iterator[TenantNames]:
    made = tenants.names(region, "neighbour")
    tenants.make(region, made)
    yield made
    tenants.unmake(region, made, tmp_path / "secrets")
