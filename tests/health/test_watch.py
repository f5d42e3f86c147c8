"""Minutes not served: each minute once, reported when its hour is over, and what nobody watched stays unknown."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from django.db import IntegrityError, transaction

from portal.lib.clock import now
from tenants.costs.models import Statement
from tenants.costs.statements import refresh
from tenants.health import schedule, watch
from tenants.health.models import Watch
from tenants.health.scrape import Look
from tenants.models import Tenant
from tenants.usage.models import Delta
from tests.admin.world import tenant

pytestmark = pytest.mark.django_db
NOVEMBER = date(2026, 11, 1)


@pytest.fixture
def clock() -> Iterator[Any]:
    with time_machine.travel(datetime(2026, 11, 21, 12, 0, tzinfo=UTC), tick=False) as traveller:
        yield traveller


@pytest.fixture
def subject(clock: Any, shipped: None) -> Tenant:
    return tenant("watched", "FIN", "meera", activated_at=now())


def look(clock: Any, *ups: bool) -> None:
    """One look a minute."""
    for is_up in ups:
        schedule.take_in("ap-south-1", Look(is_up))
        clock.shift(timedelta(minutes=1))


def service(subject: Tenant) -> dict[str, Any]:
    refresh(NOVEMBER)
    return dict(Statement.objects.get(tenant=subject).service)


def test_minutes_of_an_outage_are_counted_once_when_the_hour_is_over(clock: Any, subject: Tenant) -> None:
    look(clock, *[True] * 50, *[False] * 4)
    schedule.take_in("ap-south-1", Look(False))  # a second scheduler, in the minute of the fifth
    schedule.take_in("ap-south-1", Look(True))
    watch.report(now())
    assert not Delta.objects.exists(), "the hour is not over"
    clock.shift(timedelta(minutes=10))
    watch.report(now())
    watch.report(now())
    found = Delta.objects.get()
    assert (found.metric, found.amount, found.source) == ("down_minutes", Decimal(5), "portal-health")
    assert service(subject)["down_minutes"] == "5.00"


def test_a_report_that_was_killed_before_it_was_noted_counts_once(clock: Any, subject: Tenant) -> None:
    look(clock, False)
    clock.shift(timedelta(hours=1))
    watch.report(now())
    Watch.objects.update(is_reported=False)
    watch.report(now())
    assert Delta.objects.count() == 1


def test_a_watched_month_without_a_fault_is_known_and_an_unwatched_one_is_not(clock: Any, subject: Tenant) -> None:
    assert service(subject)["attained_percent"] is None
    look(clock, *[True] * 30)
    known = service(subject)
    assert (known["attained_percent"], known["down_minutes"], known["watched_percent"]) == ("100", "0.00", "100")
    clock.shift(timedelta(hours=2))  # nobody looked
    unknown = service(subject)
    assert (unknown["attained_percent"], unknown["watched_percent"]) == (None, "20")


def test_no_minute_was_down_that_nobody_saw(subject: Tenant) -> None:
    for seen, down in ((1, 2), (0, 0), (2**60, 0)):
        with pytest.raises(IntegrityError), transaction.atomic():
            Watch.objects.create(tenant=subject, hour=now(), seen=seen, down=down)
