from typing import Any

import pytest

from portal.lib.ids import new_id
from tenants.models import BusinessUnit, Tenant
from tests.admin.world import tenant


@pytest.fixture
def mine(shipped: None, settings: Any, tmp_path: Any) -> Tenant:
    """A gold tenant of Finance, which can pay for more."""
    BusinessUnit.objects.filter(pk="FIN").update(envelope_inr="9000000.00")
    return tenant(f"season-{new_id().hex[-6:]}", "FIN", "meera", monthly_cost_inr="112500.00")
