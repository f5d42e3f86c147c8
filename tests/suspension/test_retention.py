"""A suspension ends in the archive and an archive in erasure, after the tier's days and with reminders before."""

from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine as machine

from portal.jobs import outbox
from portal.lib.clock import now
from portal.lib.errors import Blocked
from portal.notify.models import Notice
from tenants import actions
from tenants.models import Tenant, Tier
from tenants.queries import ends_at
from tests.admin.world import person, tenant

from .conftest import SYSTEM, deliver

pytestmark = pytest.mark.django_db


@pytest.fixture
def subject(shipped: None) -> Tenant:
    """A suspended tenant whose news has been heard."""
    row = tenant("quiet-notes", "FIN", "meera")
    actions.suspend(row.pk, actor=SYSTEM, reason="payment overdue")
    deliver()
    return Tenant.objects.select_related("tier").get(pk=row.pk)


def at(moment: datetime) -> None:
    with machine.travel(moment, tick=False):
        deliver()


def again(subject: Tenant) -> Tenant:
    return Tenant.objects.select_related("tier").get(pk=subject.pk)


def told(event: str) -> list[str]:
    found = Notice.objects.filter(event=event, user=person("meera")).order_by("created_at")
    return list(found.values_list("title", flat=True))


def test_reminded_then_archived_then_blocked_until_erasure_exists(subject: Tenant) -> None:
    end = ends_at(subject)
    assert end == subject.suspended_at + timedelta(days=30)  # type: ignore[operator]
    at(end - timedelta(days=7, seconds=1))
    assert told("tenant.ending") == []
    at(end - timedelta(days=7))
    at(end - timedelta(days=1))
    assert told("tenant.ending") == ["quiet-notes is archived in 7 days", "quiet-notes is archived within a day"]
    at(end - timedelta(seconds=1))
    assert again(subject).status == "suspended"
    at(end)
    kept = again(subject)
    assert (kept.status, kept.archived_at, kept.status_reason) == (
        "archived", end, "Suspended for as long as its tier allows.",
    )  # fmt: skip
    end = ends_at(kept)
    assert end == kept.archived_at + timedelta(days=90)  # type: ignore[operator]
    at(end - timedelta(days=1))
    assert told("tenant.ending")[2:] == ["quiet-notes is due for erasure within a day"]  # once, however late
    at(end)
    assert again(subject).status == "archived" and len(told("tenant.end_blocked")) == 1
    at(end + timedelta(days=6))
    assert len(told("tenant.end_blocked")) == 1
    at(end + timedelta(days=7))
    assert len(told("tenant.end_blocked")) == 2 and "forbids" in told("tenant.end_blocked")[0]


def test_who_is_back_in_time_is_not_archived(subject: Tenant) -> None:
    end = ends_at(subject)
    assert end
    actions.reactivate(subject.pk, actor=SYSTEM, reason="paid")
    actions.suspend(subject.pk, actor=SYSTEM, reason="again")
    deliver()
    at(end)
    assert again(subject).status == "suspended"  # its days begin anew
    at(end + timedelta(minutes=5))
    assert again(subject).status == "archived"


@pytest.mark.parametrize(("days", "lasts"), [(45, 45), (3, 30)])
def test_a_grace_can_grow_and_is_never_cut_short(subject: Tenant, days: int, lasts: int) -> None:
    began = subject.suspended_at
    assert began
    Tier.objects.filter(pk=subject.tier_id).update(suspension_grace_days=days)
    at(began + timedelta(days=lasts) - timedelta(seconds=1))
    assert again(subject).status == "suspended"
    at(began + timedelta(days=lasts))
    assert again(subject).status == "archived"


def test_a_move_under_way_forbids_the_archive(subject: Tenant) -> None:
    Tenant.objects.filter(pk=subject.pk).update(operation="migrating")
    with pytest.raises(Blocked, match="migrating"):
        actions.archive(subject.pk, actor=SYSTEM, reason="tidy")
    end = ends_at(subject)
    assert end
    at(end)
    assert again(subject).status == "suspended" and len(told("tenant.end_blocked")) == 1
    Tenant.objects.filter(pk=subject.pk).update(operation="")
    at(end + timedelta(days=7))
    assert again(subject).status == "archived"


def test_plans_are_no_backlog(subject: Tenant, api: Any) -> None:
    from portal.jobs.metrics import JobCollector

    [waiting] = [one for one in JobCollector().collect() if one.name == "bailiwick_outbox_deliveries"]
    assert {sample.value for sample in waiting.samples} == {0}
    assert outbox._pending().filter(next_at__gt=now()).count() == 3
