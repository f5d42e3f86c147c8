"""Validations by the clock: nightly, closer for 72 hours after activation, never of a suspended tenant."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from lifecycle.provisioning import schedule
from lifecycle.provisioning.steps.activate import WATCH
from portal.jobs.models import Job
from portal.lib.clock import now
from tests.admin.world import tenant

pytestmark = pytest.mark.django_db


def started() -> dict[str, str]:
    """What was started: tenant id and why."""
    return {str(job.tenant_id): job.params["trigger"] for job in Job.objects.filter(kind="validate")}


def hours(count: float) -> datetime:
    return now() - timedelta(hours=count)


def test_a_tenant_is_validated_every_night(shipped: None) -> None:
    due, fresh = tenant("due-x", "FIN", "meera", validated_at=hours(25)), tenant("fresh-x", "FIN", "meera")
    never = tenant("never-x", "HR", "arjun", validated_at=None)
    schedule.tick()
    assert started() == {str(due.pk): "nightly", str(never.pk): "nightly"} and str(fresh.pk) not in started()


@pytest.mark.parametrize(
    ("watched_for", "validated", "trigger"),
    [
        (WATCH, 4.1, "watch"),
        (WATCH, 3.9, None),
        (timedelta(minutes=1), 4.1, "watch"),
        (-timedelta(minutes=1), 4.1, None),
        (-timedelta(minutes=1), 25, "nightly"),
    ],
)
def test_the_first_72_hours_are_watched_every_four(
    shipped: None, watched_for: timedelta, validated: float, trigger: str | None
) -> None:
    assert timedelta(hours=72) == WATCH
    about = tenant("young-x", "FIN", "meera", watched_until=now() + watched_for, validated_at=hours(validated))
    schedule.tick()
    assert started().get(str(about.pk)) == trigger


@pytest.mark.parametrize("status", ["suspended", "archived", "provisioning", "deleted", "failed"])
def test_a_tenant_that_is_not_active_is_left_out(shipped: None, status: str) -> None:
    tenant("left-out", "FIN", "meera", status=status, validated_at=hours(90), watched_until=now() + WATCH)
    schedule.tick()
    assert not started()


def test_a_few_at_a_time_and_none_twice(shipped: None) -> None:
    for number in range(4):
        tenant(f"many-{number}", "FIN", "meera", validated_at=hours(30 + number))
    for _ in range(3):
        schedule.tick()
    assert Job.objects.filter(kind="validate").count() == schedule.AT_ONCE


def test_one_that_cannot_be_validated_does_not_keep_the_others_waiting(shipped: None, settings: Any) -> None:
    broken = [tenant(f"broken-{number}", "FIN", "meera", validated_at=None) for number in range(schedule.AT_ONCE)]
    other = tenant("other-x", "HR", "arjun", validated_at=hours(25))
    schedule.tick()
    assert set(started()) <= {str(one.pk) for one in broken} | {str(other.pk)}
    at = now()
    Job.objects.filter(kind="validate").update(state="cancelled", finished_at=at)
    schedule.tick()
    assert {str(one.pk) for one in [*broken, other]} == set(started()), "the others get their turn"
    assert Job.objects.filter(kind="validate").count() == 3, "what has just failed is not tried again at once"
