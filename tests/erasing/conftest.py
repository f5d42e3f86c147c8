"""A tenant of Finance with stores that can be looked into."""

from typing import Any

import pytest

from tenants.models import Tenant
from tests.admin.world import tenant


@pytest.fixture
def notes(shipped: None, settings: Any, stack: Any) -> Tenant:
    settings.REGIONS_FILE = stack.home.regions_file
    settings.ERASURE = {
        **settings.ERASURE,
        "undo_seconds": 900,
        "inventory": "tests.erasing.made.inventory",
        "verifier_of": "tests.erasing.made.verifier_of",
        "user_of": "tests.erasing.made.user_of",
    }
    return tenant("closing-notes", "FIN", "meera")
