"""A move's job: it waits for its turn, refuses what has changed since it was planned, and is undone when it failed."""

from typing import Any

import pytest

from lifecycle.migration import actions
from lifecycle.migration.models import Migration
from portal.access.actor import Actor
from portal.jobs.actions import wake
from portal.jobs.models import Job
from portal.jobs.outbox import deliver_due
from portal.jobs.runner import run
from tenants.models import Tenant
from tests.admin.world import person

from .made import bank, like, migration, put

pytestmark = pytest.mark.django_db


@pytest.fixture
def kiran(shipped: None) -> Actor:
    return Actor.of_user(person("kiran"))


@pytest.fixture
def copy(shipped: None) -> Tenant:
    return bank(environment="staging", geography="GLOBAL")


@pytest.fixture
def started(copy: Tenant, kiran: Actor) -> Migration:
    made = actions.request(copy.pk, "eu-west-1", actor=kiran, reason="A rehearsal.", is_rehearsal=True)
    return actions.start(made.pk, actor=kiran, reason="now")


def job_of(started: Migration) -> Job:
    return Job.objects.get(pk=started.job_id)


def test_a_region_moves_so_many_at_once_and_the_next_waits_in_line(started: Migration, settings: Any) -> None:
    for number in range(settings.MIGRATION["moves_per_region"]):
        migration(like(started.tenant, f"bank-{number}"), "initial_sync")
    run(started.job_id)
    started.refresh_from_db()
    assert started.state == "initiated" and "2 moves under way" in job_of(started).wait_reason
    first = Migration.objects.exclude(pk=started.pk).first()
    put(first, "traffic_cutover_complete")
    wake(started.job_id)
    run(started.job_id)
    started.refresh_from_db()
    assert started.passages.filter(new="provisioning_green").exists(), "a switched one has left its place"


def test_what_has_changed_since_the_plan_is_refused_and_touches_nothing(started: Migration) -> None:
    Tenant.objects.filter(pk=started.tenant_id).update(operation="restoring")
    run(started.job_id)
    deliver_due()
    started.refresh_from_db()
    assert job_of(started).state == "failed" and started.state == "initiated"
    assert "restoring" in started.state_reason


def test_a_failure_is_said_resumed_and_taken_back(started: Migration, kiran: Actor) -> None:
    run(started.job_id)  # this tenant came from no request, so its target cannot be provisioned
    deliver_due()
    started.refresh_from_db()
    assert (started.state, started.resumes_at) == ("failed", "provisioning_green")
    assert "was not provisioned by this portal" in started.state_reason
    assert Tenant.objects.get(pk=started.tenant_id).operation == "migrating"

    actions.resume(started.pk, actor=kiran, reason="once more")
    assert job_of(started).state == "queued"
    run(started.job_id)
    deliver_due()
    undone = actions.roll_back(started.pk, actor=kiran, reason="enough")
    run(undone.rollback_job_id)
    started.refresh_from_db()
    assert (started.state, started.state_reason) == ("rolled_back", "enough")
    assert Tenant.objects.get(pk=started.tenant_id).operation == ""
