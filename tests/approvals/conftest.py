from typing import Any

import pytest

from portal.access.models import User
from portal.approvals import defaults

from .people import SYSTEM, person


@pytest.fixture
def rules(db: Any) -> None:
    defaults.install(SYSTEM)


@pytest.fixture
def asker(db: Any) -> User:
    return person("asha", "tenant_admin@finance")


@pytest.fixture
def cfo(db: Any) -> User:
    return person("farid", "cfo")
