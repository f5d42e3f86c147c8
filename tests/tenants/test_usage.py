"""Usage: counted once, only added to, charged in an open month, summed by the database."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
import time_machine
from django.db import DatabaseError, connection, transaction
from rest_framework.test import APIClient

from portal.access.actor import Actor
from portal.access.models import Grant, Role, User
from portal.audit.models import Entry
from portal.lib.errors import Blocked, Conflict, Invalid
from tenants.models import Tenant
from tenants.usage import actions, queries
from tenants.usage.models import Delta, Metric, Month
from tests.access.test_reach_of_credentials import credential
from tests.admin.world import tenant
from tests.lifecycle.test_bad_input_elsewhere import refused

URL = "/api/v1/usage/"
SYSTEM = Actor.system("test")
NOVEMBER, DECEMBER = date(2026, 11, 1), date(2026, 12, 1)
DAY = date(2026, 11, 20)


@pytest.fixture(autouse=True)
def _november() -> Any:
    with time_machine.travel(datetime(2026, 11, 21, 12, 0), tick=True):
        yield


@pytest.fixture
def subject(shipped: None) -> Tenant:
    return tenant("metered", "FIN", "meera")


@pytest.fixture
def service(subject: Tenant) -> APIClient:
    user = User.objects.create_user("meter", is_service=True)
    Grant.objects.create(user=user, role=Role.SERVICE, scope_type="business_unit", scope_id="FIN", granted_by="test")
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {credential(user, 'usage.write')}")
    return client


def delta(subject: Tenant, **changes: Any) -> dict[str, Any]:
    usual = {"tenant_id": str(subject.pk), "metric": "queries", "amount": "7", "day": DAY.isoformat()}
    return {**usual, "key": str(uuid4()), "source": "test", **changes}


def counted(subject: Tenant, amount: str, metric: str = "queries", day: date = DAY, **more: Any) -> dict[str, int]:
    """Count one delta below the API."""
    given = {"key": str(uuid4()), "source": "test", **more}
    return actions.count([actions.Report(subject.pk, metric, Decimal(amount), day, **given)], actor=SYSTEM)


def total(subject: Tenant, month: date = NOVEMBER, metric: str = "queries") -> Decimal:
    found = queries.sums(month).get(subject.pk, {})
    return sum((amount for (name, *_), amount in found.items() if name == metric), Decimal(0))


def test_a_key_counts_once_whoever_sends_it_again(subject: Tenant, service: Any) -> None:
    batch = {"deltas": [delta(subject), delta(subject, metric="gb_months", amount="0.000000000001")]}
    assert service.post(URL, batch).json() == {"counted": 2, "known": 0}
    assert service.post(URL, batch).json() == {"counted": 0, "known": 2}
    assert service.post(URL, {"deltas": [*batch["deltas"], delta(subject)]}).json() == {"counted": 1, "known": 2}
    assert total(subject) == 14 and total(subject, metric="gb_months") == Decimal("1e-12")


@pytest.mark.parametrize("other", [{"amount": "8"}, {"metric": "compute_hours"}, {"day": "2026-11-19"}])
def test_a_key_stands_for_one_thing(subject: Tenant, service: Any, other: dict[str, str]) -> None:
    first = delta(subject)
    service.post(URL, {"deltas": [first]})
    refused(service.post(URL, {"deltas": [delta(subject), {**first, **other}]}), 409)
    assert total(subject) == 7, "all or none"


def test_a_correction_says_why(subject: Tenant, service: Any) -> None:
    service.post(URL, {"deltas": [delta(subject)]})
    assert "deltas.0.reason" in refused(service.post(URL, {"deltas": [delta(subject, amount="-2")]}), 422)["fields"]
    service.post(URL, {"deltas": [delta(subject, amount="-2", reason="counted twice at the edge")]})
    assert total(subject) == 5


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("amount", "0"), ("amount", "NaN"), ("amount", "1e30"), ("amount", "0.0000000000001"), ("amount", None),
        ("metric", "joules"), ("day", "2999-01-01"), ("day", "2020-01-01"), ("day", "soon"), ("key", ""),
        ("key", "a b"), ("tenant_id", "0198c0de-0000-7000-8000-0000000000ff"), ("tenant_id", "x"), ("source", ""),
        ("colour", "teal"),
    ],
)  # fmt: skip
def test_bad_deltas_change_nothing(subject: Tenant, service: Any, field: str, value: Any) -> None:
    refused(service.post(URL, {"deltas": [delta(subject), delta(subject, **{field: value})]}), 422)
    assert not Delta.objects.exists()


def test_bad_batches_change_nothing(subject: Tenant, service: Any) -> None:
    same = delta(subject)
    for body in ({}, [], {"deltas": []}, {"deltas": "x"}, {"deltas": [same, same]}, {"deltas": [1]}):
        refused(service.post(URL, body), 400, 422)
    refused(service.post(URL, {"deltas": [{**same, "key": str(n)} for n in range(1001)]}), 413, 422)
    assert not Delta.objects.exists()


def test_a_full_batch_is_taken(subject: Tenant, service: Any) -> None:
    assert service.post(URL, {"deltas": [delta(subject) for _ in range(1000)]}).json()["counted"] == 1000


def test_only_a_service_reports_and_only_within_its_grant(subject: Tenant, service: Any, api: Any) -> None:
    stranger = tenant("not-theirs", "HR", "arjun")
    answer = refused(service.post(URL, {"deltas": [delta(subject), delta(stranger)]}), 422)
    assert list(answer["fields"]) == ["deltas.1.tenant_id"]
    for username in ("priya", "vikram", "meera", "oliver"):
        refused(api(username).post(URL, {"deltas": [delta(subject)]}), 403)
    assert not Delta.objects.exists()
    service.post(URL, {"deltas": [delta(subject)]})
    assert api("meera").get(URL).json()["count"] == 1
    assert api("arjun").get(URL).json()["count"] == 0


def test_the_ledger_keeps_the_digest_of_each_batch(subject: Tenant) -> None:
    counted(subject, "3")
    entry = Entry.objects.filter(verb="usage.counted").latest("id")
    assert entry.data["deltas"] == 1 and len(entry.data["sha256"]) == 64


# -- months -----------------------------------------------------------------------------------------------------------
def test_what_comes_late_is_charged_in_the_first_open_month(subject: Tenant) -> None:
    counted(subject, "3")
    with time_machine.travel(datetime(2026, 12, 5, 12, 0)):
        actions.close_month(NOVEMBER, actor=SYSTEM, reason="over")
        counted(subject, "4")
        late = Delta.objects.get(amount=4)
        assert (late.day, late.month_id) == (DAY, DECEMBER)
        assert (total(subject), total(subject, DECEMBER)) == (3, 4)


def test_months_close_in_order_once_and_only_when_over(subject: Tenant) -> None:
    counted(subject, "1", day=date(2026, 9, 30))
    counted(subject, "1")
    for month in (NOVEMBER, date(2026, 10, 2)):
        with pytest.raises(Invalid):
            actions.close_month(month, actor=SYSTEM, reason="over")
    with pytest.raises(Blocked):
        actions.close_month(date(2026, 10, 1), actor=SYSTEM, reason="over")
    first = actions.close_month(date(2026, 9, 1), actor=SYSTEM, reason="over")
    assert actions.close_month(date(2026, 9, 1), actor=SYSTEM, reason="again").closed_at == first.closed_at


def test_the_database_repeats_the_rules(subject: Tenant) -> None:
    counted(subject, "3")
    with time_machine.travel(datetime(2026, 12, 5, 12, 0)):
        actions.close_month(NOVEMBER, actor=SYSTEM, reason="over")
    columns = [field.column for field in Delta._meta.fields if field.column not in ("id", "key")]
    into_closed = (
        f"INSERT INTO usage_delta (id, key, {', '.join(columns)})"
        f" SELECT gen_random_uuid(), 'other', {', '.join(columns)} FROM usage_delta"
    )
    for sql in (
        "UPDATE usage_delta SET amount = 4",
        "DELETE FROM usage_delta",
        "UPDATE usage_month SET closed_at = NULL, closed_by = '' WHERE month = '2026-11-01'",
        "DELETE FROM usage_month",
        "INSERT INTO usage_month (month, closed_by) VALUES ('2026-12-02', '')",
        into_closed,
    ):
        with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(sql)
    assert total(subject) == 3


def test_a_month_that_closes_meanwhile_is_said_and_not_a_fault(subject: Tenant, monkeypatch: Any) -> None:
    counted(subject, "3")
    monkeypatch.setattr(actions, "HOLD", "SELECT month FROM usage_month WHERE month = ANY(%s) AND false")
    with pytest.raises(Conflict, match="report again"):
        counted(subject, "4")


# -- size -------------------------------------------------------------------------------------------------------------
MANY = """
INSERT INTO usage_delta (id, tenant_id, metric, amount, day, month_id, source, key, reason, recorded_by, recorded_at)
SELECT gen_random_uuid(), tenant, metric, 1.5, '2026-11-01'::date + day, '2026-11-01', 'test',
       tenant || metric || day, '', 'system:test', now()
FROM unnest(%s::uuid[]) AS tenant, unnest(%s::text[]) AS metric, generate_series(0, 29) AS day
"""


def test_the_sums_of_one_tenant_read_its_own_rows_only(subject: Tenant) -> None:
    others = [tenant(f"metered-{n}x", "FIN", "meera").pk for n in range(20)]
    Month.objects.create(pk=NOVEMBER)
    with connection.cursor() as cursor:
        cursor.execute(MANY, [[subject.pk, *others], Metric.values])
        cursor.execute("ANALYZE usage_delta")
        cursor.execute(
            "EXPLAIN SELECT metric, sum(amount) FROM usage_delta WHERE month_id = %s AND tenant_id = %s"
            " GROUP BY metric",
            [NOVEMBER, subject.pk],
        )
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert "usage_by_month" in plan
    assert total(subject) == 45 and len(queries.sums(NOVEMBER)) == 21
    assert set(queries.sums(NOVEMBER, tenants=[subject.pk])) == {subject.pk}
    assert total(subject, NOVEMBER - timedelta(days=1)) == 0
