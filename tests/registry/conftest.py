"""Tenants that are published, and the door asked as enforcement points ask it."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from portal.access.accounts import SEED
from portal.access.actions import issue_token
from portal.access.models import Grant, Role, User
from tenants.registry import door

Ask = Callable[..., tuple[int, Any]]


def service_key() -> str:
    platform, is_new = User.objects.get_or_create(username="platform", defaults={"is_service": True, "password": "!"})
    if is_new:
        Grant.objects.create(user=platform, role=Role.SERVICE, granted_by=SEED.id, reason="test")
    life = timedelta(days=1)
    return issue_token(actor=SEED, user=platform, label="test", scopes=["snapshot.read"], life=life, reason="test")[1]


@pytest.fixture
def ask(shipped: None) -> Ask:
    """`ask(since=3)` is the status and body of `/v1/snapshots?since=3`."""
    key = service_key()

    def asked(**query: Any) -> tuple[int, Any]:
        text = "&".join(f"{name}={value}" for name, value in query.items())
        status, _, body = door.answer("GET", "/v1/snapshots", text, f"Bearer {key}")
        return status, json.loads(body)

    return asked
