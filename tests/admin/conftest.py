"""A signed-in browser without a browser: Django's client, over one of everything."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from .world import World, build, person

BACKEND = "django.contrib.auth.backends.ModelBackend"


@pytest.fixture(autouse=True)
def _quick_passwords(settings: Any) -> None:
    """Argon2 is slow on purpose; what these tests are about is not the hash."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def world(shipped: None) -> World:
    return build()


@pytest.fixture
def page(shipped: None) -> Callable[[str], Any]:
    """`page("meera")` is a client that meera has signed in with."""

    def signed_in(username: str) -> Client:
        client = Client()
        client.force_login(person(username), backend=BACKEND)
        return client

    return signed_in
