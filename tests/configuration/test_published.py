"""What a tenant is given reaches its snapshot: flags, configuration, features; and only what changed is published."""

import json
from typing import Any

import pytest

from portal.jobs.outbox import deliver_due
from tenants.configuration.actions import save_tenant, save_tier
from tenants.flags import actions
from tenants.models import Tenant
from tenants.registry.models import Published
from tests.flags.made import admin, flag, on_for

pytestmark = pytest.mark.django_db


def published(one: Tenant) -> dict[str, Any]:
    while deliver_due():
        pass
    return json.loads(Published.objects.get(pk=one.pk).body)


def version_of(one: Tenant) -> int:
    return Published.objects.get(pk=one.pk).version


def test_a_snapshot_carries_flags_configuration_and_features(mine: Tenant) -> None:
    flag()
    on_for("cite-sources", mine)
    save_tier("gold", {"model": {"name": "large-1"}}, actor=admin(), reason="x", base=0)
    save_tenant(mine.pk, {"retrieval": {"passages": 5}}, actor=admin(), reason="x", base=0)
    found = published(mine)
    assert found["flags"] == {"cite-sources": {"value": True, "variant": "on", "reason": "TARGETING_MATCH"}}
    assert found["config"] == {"model": {"name": "large-1"}, "retrieval": {"passages": 5}}
    assert found["features"] == ["semantic-reranking"]


def test_what_concerns_another_tenant_publishes_nothing_new(mine: Tenant, foreign: Tenant) -> None:
    flag()
    published(mine)
    before = version_of(mine)
    on_for("cite-sources", foreign)
    save_tenant(foreign.pk, {"retrieval": {"passages": 5}}, actor=admin(), reason="x", base=0)
    assert published(foreign)["config"] == {"retrieval": {"passages": 5}}
    assert version_of(mine) == before
    actions.switch_off("cite-sources", actor=admin(), reason="errors")
    assert published(mine)["flags"]["cite-sources"]["reason"] == "DISABLED" and version_of(mine) > before
