from typing import Any

import pytest

from tenants.models import Tenant
from tests.admin.world import tenant


@pytest.fixture
def mine(shipped: None) -> Tenant:
    return tenant("finance-notes", "FIN", "meera")


@pytest.fixture
def foreign(shipped: None) -> Tenant:
    return tenant("hr-notes", "HR", "arjun")


@pytest.fixture
def told(db: Any) -> Any:
    """Events emitted so far by name, each with its payload."""
    from portal.jobs.models import OutboxEvent

    return lambda name: [row.payload for row in OutboxEvent.objects.filter(event=name).order_by("pk")]
