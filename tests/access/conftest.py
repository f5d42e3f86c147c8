"""A client without any session, and the ways a credential reaches it."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from rest_framework.test import APIClient

from portal.access.models import User


@pytest.fixture
def bearing(shipped: None) -> Callable[[str], APIClient]:
    """`bearing(credential)` is a client that sends it as a bearer credential."""

    def client(credential: str) -> APIClient:
        found = APIClient()
        found.credentials(HTTP_AUTHORIZATION=f"Bearer {credential}")
        return found

    return client


@pytest.fixture
def page(shipped: None) -> Callable[[str], Client]:
    """`page("meera")` is a browser that meera has signed in with."""

    def browser(username: str) -> Client:
        found = Client()
        found.force_login(User.objects.get(username=username), backend="django.contrib.auth.backends.ModelBackend")
        return found

    return browser


@pytest.fixture
def meera(shipped: None) -> Any:
    return User.objects.get(username="meera")
