"""The tenant's page says what a change of status means before, and how far it has come after."""

from typing import Any

import pytest

from portal.jobs.models import Job, JobState
from tenants import actions
from tenants.models import Tenant
from tenants.registry.models import Acknowledgement, EnforcementPoint
from tests.admin.world import read_with_a_reason, tenant

from .conftest import SYSTEM, deliver

pytestmark = pytest.mark.django_db


@pytest.fixture
def subject(shipped: None) -> Tenant:
    row = tenant("quiet-notes", "FIN", "meera")
    actions.suspend(row.pk, actor=SYSTEM, reason="payment overdue")
    deliver()
    return row


def page(client: Any, subject: Tenant) -> str:
    read_with_a_reason("priya")
    return client.get(f"/tenants/{subject.pk}/").content.decode()


def test_while_the_systems_follow(api: Any, subject: Tenant) -> None:
    shown = page(api("priya"), subject)
    assert 'data-live="2"' in shown and "The systems follow." in shown and shown.count("not begun") == 8
    assert "payment overdue. It is archived on " in shown and "kept for 90 days" in shown


def test_when_one_was_not_reached(api: Any, subject: Tenant) -> None:
    job = Job.objects.get(kind="suspension")
    job.steps.filter(name="objects").update(state="skipped", evidence={"state": "pending", "why": "no answer"})
    job.steps.filter(name="postgres").update(state="succeeded", evidence={"state": "fenced"})
    job.steps.filter(name="settle").update(evidence={"settled": {}, "open": {"objects": "still no answer"}})
    job.begin(job.created_at)
    job.lease_until, job.lease_holder = job.created_at, "test"
    job.save()
    job.fail(job.created_at, "Still open")
    job.save()
    shown = page(api("priya"), subject)
    assert job.state == JobState.FAILED and "data-live" not in shown
    assert "tried again every hour" in shown and "still no answer" in shown and "fenced" in shown


def test_an_archive_says_when_it_ends(api: Any, subject: Tenant) -> None:
    answer = api("priya").post(f"/api/v1/tenants/{subject.pk}/archive/", {"reason": "nobody asked for it"})
    assert answer.status_code == 200 and answer.json()["status"] == "archived"
    assert "Archived: nobody asked for it. It is due for erasure on " in page(api("priya"), subject)
    again = api("priya").post(f"/api/v1/tenants/{subject.pk}/reactivation/", {"reason": "oh"})
    assert again.status_code == 409


def test_who_has_heard_of_it_comes_after_the_page(api: Any, subject: Tenant) -> None:
    change = subject.status_changes.first()
    assert change is not None
    told, _silent = (EnforcementPoint.objects.create(name=name, caller="test") for name in ("platform.a", "platform.b"))
    EnforcementPoint.objects.update(first_seen_at=change.at, seen_at=change.at)
    Acknowledgement.objects.create(point=told, version=change.version)
    priya = api("priya")
    assert 'data-fetch="receipt/"' in page(priya, subject)
    part = priya.get(f"/tenants/{subject.pk}/receipt/", headers={"X-Part": "1"}).content.decode()
    assert part.startswith("<div") and "of 2 points" in part
    assert "platform.a" in part and "applied" in part and "lease" in part
    whole = priya.get(f"/tenants/{subject.pk}/receipt/").content.decode()
    assert "<h1>Who has heard of it</h1>" in whole and "platform.b" in whole
    assert api("arjun").get(f"/tenants/{subject.pk}/receipt/").status_code == 404
