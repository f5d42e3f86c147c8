"""Existing tenants are judged again every night; who newly fails is told, and nothing is moved."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine

from compliance import schedule
from compliance.models import ProviderRegion, ResidencyRule, Verdict
from portal.audit.models import Entry
from portal.jobs.models import OutboxEvent
from portal.lib.clock import now
from portal.notify.models import Notice, Severity
from portal.notify.subscribers import residency_failed
from tenants.models import Tenant
from tests.admin.world import tenant

pytestmark = pytest.mark.django_db


def news() -> list[dict[str, Any]]:
    return [event.payload for event in OutboxEvent.objects.filter(event="residency.failed").order_by("at")]


def forbid(region: str = "ap-south-1") -> None:
    """A rule from today on that keeps Indian data out of the region."""
    ResidencyRule.objects.create(
        rule_id="RES-900", title="Not there any more", law="Test law", source="test", geographies=["IN"],
        data_classes=[], capabilities=[], allowed_regions=["eu-west-1"], effective_from=now(),
    )  # fmt: skip


def test_each_existing_tenant_is_judged_once_a_night(shipped: None) -> None:
    about = [tenant(f"night-{status}", "FIN", "meera", status=status) for status in ("active", "suspended", "archived")]
    gone = tenant("night-gone", "FIN", "meera", status="deleted")
    schedule.tick()
    kept = Verdict.objects.filter(subject_type="tenants.tenant")
    assert {one.tenant_id for one in kept} == {one.pk for one in about} and gone.pk not in {v.tenant_id for v in kept}
    count = kept.all().count()
    schedule.tick()
    assert kept.all().count() == count, "not twice in one night"
    with time_machine.travel(now() + timedelta(hours=25)):
        schedule.tick()
    assert kept.all().count() == 2 * count, "yesterday's verdicts are kept beside today's"
    assert not news()


def test_a_rule_that_newly_fails_is_told_once_and_moves_nothing(shipped: None) -> None:
    about = tenant("night-finance", "FIN", "meera")
    schedule.tick()
    assert not news()
    with time_machine.travel(now() + timedelta(hours=25)):
        forbid()
        schedule.tick()
    with time_machine.travel(now() + timedelta(hours=50)):
        schedule.tick()
    (told,) = news()
    assert told["tenant_id"] == str(about.pk) and [rule["rule_id"] for rule in told["rules"]] == ["RES-900"]
    assert Entry.objects.filter(verb="tenant.out_of_policy", object_id=str(about.pk), actor="system:sweep").count() == 1
    found = Tenant.objects.get(pk=about.pk)
    assert (found.region, found.status, found.vector_provider) == ("ap-south-1", "active", "pgvector")
    assert Verdict.objects.filter(rule_id="RES-900", outcome="refuse").count() == 2


def test_the_officer_hears_of_it(shipped: None) -> None:
    about = tenant("night-finance", "FIN", "meera")
    forbid()
    schedule.judge_again(about)
    for _ in range(2):  # an event may come twice
        residency_failed(news()[0])
    (notice,) = Notice.objects.filter(event="residency.failed")
    assert notice.user.username == "farah" and notice.severity == Severity.CRITICAL
    assert "night-finance" in notice.title and str(about.pk) in notice.url


def test_a_provider_that_leaves_the_region_is_a_failure_not_a_change(shipped: None) -> None:
    about = tenant("night-finance", "FIN", "meera")
    ProviderRegion.objects.filter(provider="pgvector", region="ap-south-1").update(effective_until=now())
    found = {one.rule_id: one.outcome for one in schedule.judge_again(about)}
    assert found["PRV-003"] == "refuse"
    assert Tenant.objects.get(pk=about.pk).vector_provider == "pgvector"
