"""The platform tells the real portal what its tenants used: each difference once, whatever breaks on the way."""

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from portal.access.accounts import SEED
from portal.access.actions import issue_token
from portal.access.models import Grant, Role, User
from ragplatform.reporting import Reporter
from ragplatform.services import Services
from tenants.usage.models import Delta
from tests.admin.world import tenant
from tests.ragplatform.conftest import Platform, Tenant, in_process

pytestmark = pytest.mark.django_db(transaction=True)
COUNT = """
INSERT INTO rag.usage_counters AS u (tenant_id, metric, day, slot, amount)
VALUES (%s, %s, (now() AT TIME ZONE 'UTC')::date - %s::int, 0, %s)
ON CONFLICT (tenant_id, metric, day, slot) DO UPDATE SET amount = u.amount + excluded.amount
"""


@pytest.fixture
def services(platform: Platform) -> Iterator[Services]:
    found = in_process(platform)
    yield found
    found.stop()


@pytest.fixture
def reporter(transactional_db: Any, services: Services, fresh: Tenant, live_server: Any, shipped: None) -> Any:
    tenant("reported", "FIN", "meera", id=fresh.id)
    user = User.objects.create_user("meter", is_service=True)
    Grant.objects.create(user=user, role=Role.SERVICE, granted_by="test")
    token = issue_token(
        actor=SEED, user=user, label="t", scopes=["usage.write"], life=timedelta(days=1), reason="test"
    )[1]
    made = Reporter(services.database, services.bindings, live_server.url, lambda: token)
    yield made
    made.close()


def use(services: Services, fresh: Tenant, metric: str, amount: int, days_ago: int = 0) -> None:
    with services.database.tenant(services.bindings.of(fresh.id)) as connection:
        connection.execute(COUNT, (fresh.id, metric, days_ago, amount))


def told(metric: str) -> Decimal:
    return sum((row.amount for row in Delta.objects.filter(metric=metric)), Decimal(0))


def test_each_difference_is_told_once(reporter: Reporter, services: Services, fresh: Tenant) -> None:
    use(services, fresh, "queries", 3)
    use(services, fresh, "compute_us", 1_800_000_000)
    assert reporter.run() == 2 and reporter.run() == 0
    use(services, fresh, "queries", 4)
    assert reporter.run() == 1
    assert told("queries") == 7 and told("compute_hours") == Decimal("0.5")
    use(services, fresh, "queries", -2)
    reporter.run()
    assert told("queries") == 5 and Delta.objects.get(amount=-2).reason


def test_storage_is_told_for_days_that_are_over(reporter: Reporter, services: Services, fresh: Tenant) -> None:
    use(services, fresh, "bytes", 31_000_000_000, 2)
    use(services, fresh, "bytes", -31_000_000_000)
    reporter.run()
    days = {row.day: row.amount for row in Delta.objects.filter(metric="gb_months")}
    assert len(days) == 2 and max(days) < date.today() + timedelta(days=1)
    for day, amount in days.items():
        length = (day.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)
        assert amount == round(Decimal(31) / length.day, 12)


def test_an_answer_that_was_lost_is_asked_for_again(
    reporter: Reporter, services: Services, fresh: Tenant, monkeypatch: Any
) -> None:
    use(services, fresh, "queries", 3)
    real = Reporter._post
    monkeypatch.setattr(Reporter, "_post", lambda self, deltas: real(self, deltas) and 0)
    assert reporter.run() == 0 and told("queries") == 3
    monkeypatch.setattr(Reporter, "_post", real)
    assert reporter.run() == 1 and told("queries") == 3


def test_one_tenant_the_portal_does_not_know_holds_up_nobody(
    reporter: Reporter, services: Services, fresh: Tenant, platform: Platform, acme: Tenant
) -> None:
    use(services, acme, "queries", 9)
    use(services, fresh, "queries", 3)
    reporter.run()
    assert told("queries") == 3


def test_a_portal_that_is_away_takes_nothing_and_loses_nothing(
    reporter: Reporter, services: Services, fresh: Tenant
) -> None:
    use(services, fresh, "queries", 3)
    away = Reporter(services.database, services.bindings, "http://127.0.0.1:9", lambda: "x")
    assert away.run() == 0
    away.close()
    assert reporter.run() >= 1 and told("queries") == 3
