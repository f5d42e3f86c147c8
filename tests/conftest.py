"""What every test may stand on: the stores' database as its owner, the shipped data, people and an API client."""

from typing import Any

import pytest
from django.conf import settings
from django.contrib.contenttypes.management import create_contenttypes
from django.core.cache import cache
from django.db import connection, connections
from django.db.models.signals import post_migrate
from rest_framework.test import APIClient

from portal.access.models import User
from portal.embedded.stack import Stack
from portal.lib.databases import django as database
from tenants.registry import door
from tests import nobody, shipping

_committed: list[str] = []
EMPTY = """
TRUNCATE ledger.entry, ledger.leaf, ledger.node, ledger.checkpoint, ledger.anchor, ledger.finding;
UPDATE ledger.horizon SET size = 0, frontier = '{}'
"""


@pytest.fixture(scope="session")
def django_db_modify_db_settings(stack: Stack, django_db_modify_db_settings_parallel_suffix: None) -> None:
    """Tests create their databases, so they connect as the migrator; the running product never does."""
    owner = database(stack.env["BAILIWICK_MIGRATE_DATABASE_URL"])
    for name in ("USER", "PASSWORD", "HOST", "PORT"):
        connections["default"].settings_dict[name] = owner[name]
    # a test that makes rows of its own is somebody, too; what the product does by itself is done without (tests.nobody)
    connections["default"].settings_dict["OPTIONS"] |= {"options": "-c bailiwick.actor=system:test"}


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any) -> None:
    """Tests that commit are cleaned up by TRUNCATE, which append-only tables refuse: here alone they allow it.

    What Django makes anew after each of them, its own permissions and content types, nobody here reads.
    """
    post_migrate.disconnect(dispatch_uid="django.contrib.auth.management.create_permissions")
    post_migrate.disconnect(create_contenttypes)
    with django_db_blocker.unblock():
        let_truncate()


def let_truncate() -> None:
    """Again after what has switched a table's triggers off and on."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT tgrelid::regclass::text, tgname FROM pg_trigger WHERE tgname LIKE '%%\\_truncate'")
        for table, trigger in cursor.fetchall():
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER {trigger}")


def pytest_configure() -> None:
    settings.MIDDLEWARE = ["tests.nobody.by_nobody", *settings.MIDDLEWARE]
    nobody.act_for_themselves()


@pytest.fixture(autouse=True)
def _empty_ledger(request: pytest.FixtureRequest, django_db_blocker: Any) -> None:
    """What the test before has committed to the ledger is not this one's."""
    marker = request.node.get_closest_marker("django_db")
    if marker is None:
        return
    if _committed:
        with django_db_blocker.unblock(), connection.cursor() as cursor:
            cursor.execute(EMPTY)
            if not connection.in_atomic_block:
                _committed.clear()
    if marker.kwargs.get("transaction"):
        _committed.append(request.node.name)


@pytest.fixture(autouse=True)
def _fresh_cache() -> None:
    cache.clear()
    door.forget()


@pytest.fixture(autouse=True)
def _quick_passwords(settings: Any) -> None:
    """Argon2 is slow on purpose; thirteen demo people a test are not what it is slow for."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher", *settings.PASSWORD_HASHERS]


@pytest.fixture
def shipped(db: Any) -> None:
    """The data every installation starts with, and the demo people."""
    shipping.ship()


@pytest.fixture
def api(shipped: None) -> Any:
    """`api("meera")` is an API client that meera has signed in with."""

    def signed_in(username: str) -> APIClient:
        client = APIClient()
        client.force_login(User.objects.get(username=username))
        return client

    return signed_in
