"""Two who may place and release a hold, and a tenant with stores (tests.suspension)."""

import pytest

from portal.access.actor import Actor
from portal.access.models import Grant, User
from tests.suspension.conftest import world  # noqa: F401 - a fixture

Two = tuple[Actor, Actor]


@pytest.fixture
def counsel(shipped: None) -> Two:
    found = []
    for name in ("first-counsel", "second-counsel"):
        user = User.objects.create_user(name)
        Grant.objects.create(user=user, role="legal", granted_by="system:test")
        found.append(Actor.of_user(user))
    return found[0], found[1]
