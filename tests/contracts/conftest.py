"""A tenant with everything, made through the connectors and swept away afterwards."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from lifecycle.stores.names import TenantNames
from portal.lib.regions import Region
from tests.contracts import tenants


@pytest.fixture
def names(region: Region, tmp_path: Path) -> Iterator[TenantNames]:
    """Names of a tenant of which nothing exists yet."""
    made = tenants.names(region)
    yield made
    tenants.unmake(region, made, tmp_path / "secrets")


@pytest.fixture
def tenant(region: Region, names: TenantNames) -> TenantNames:
    """A tenant with every resource, and no data."""
    tenants.make(region, names)
    return names
