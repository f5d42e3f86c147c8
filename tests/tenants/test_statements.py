"""Statements: the worked figures, what has no price, who went over, what is closed stays."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from django.db import DatabaseError, connection, transaction

from portal.access.actor import Actor
from portal.audit.models import Entry
from portal.jobs.outbox import deliver_due
from portal.lib.errors import Conflict, Invalid, NotAllowed
from portal.notify.models import Delivery, Notice
from tenants.costs import actions, schedule, statements
from tenants.costs.estimate import baseline_of, estimate
from tenants.costs.models import CentreMonth, Overrun, Statement
from tenants.costs.pricing import variance
from tenants.models import Price, PriceBook, Tenant
from tenants.usage.actions import close_month
from tests.admin.world import person, tenant

from .test_usage import NOVEMBER, SYSTEM, counted

ACTIVATED = datetime(2026, 9, 3, tzinfo=UTC)
AFTER = datetime(2026, 12, 4, 12, 0)
LAKH = Decimal("100000.00")


@pytest.fixture(autouse=True)
def _november() -> Any:
    with time_machine.travel(datetime(2026, 11, 21, 12, 0), tick=True):
        yield


@pytest.fixture
def subject(shipped: None) -> Tenant:
    """A tenant with a baseline of a lakh a month and a budget of 3.5 lakh a month."""
    more = {"annual_budget_inr": Decimal("4200000.00"), "monthly_cost_inr": LAKH, "activated_at": ACTIVATED}
    return tenant("charged", "FIN", "meera", **more)


def use(subject: Tenant, queries: str, gb_months: str, compute_hours: str) -> None:
    counted(subject, queries)
    counted(subject, gb_months, "gb_months")
    counted(subject, compute_hours, "compute_hours")


def made(subject: Tenant, month: date = NOVEMBER) -> Statement:
    statements.refresh(month)
    return Statement.objects.get(tenant=subject, month_id=month)


def closed(subject: Tenant) -> Statement:
    """November's statement, closed on the fourth of December."""
    with time_machine.travel(AFTER):
        schedule.tick()
    return Statement.objects.get(tenant=subject, month_id=NOVEMBER)


def cfo() -> Actor:
    return Actor.of_user(person("vikram"))


# -- the worked figures -----------------------------------------------------------------------------------------------
def test_within_the_budget(subject: Tenant) -> None:
    use(subject, "15000", "500", "720")
    found = made(subject)
    assert found.total_inr == Decimal("248500.00")
    assert [line["amount_inr"] for line in found.lines] == ["100000.00", "37500.00", "75000.00", "36000.00"]
    assert (found.budget_inr, found.variance_percent, found.is_over) == (350_000, Decimal("-29.0"), False)


def test_over_the_budget_is_told_once_to_two_people(subject: Tenant) -> None:
    use(subject, "45000", "1000", "2160")
    schedule.tick()
    found = Statement.objects.get(tenant=subject)
    assert found.total_inr == Decimal("470500.00")
    assert (found.variance_percent, found.is_over) == (Decimal("34.4"), True)
    schedule.tick()
    while deliver_due():
        pass
    told = Notice.objects.filter(event="budget.exceeded")
    assert {notice.user.username for notice in told} == {"meera", "vikram"} and told.count() == 2
    assert told[0].title == "CC-1 is 34.4 % over its budget for November 2026"
    assert Delivery.objects.filter(event="budget.exceeded").count() == 2, "by mail, too"
    assert CentreMonth.objects.get().is_escalated and Overrun.objects.count() == 1


def test_the_same_person_is_not_two_people(subject: Tenant) -> None:
    subject.owner = person("vikram")
    subject.save()
    use(subject, "45000", "1000", "2160")
    schedule.tick()
    while deliver_due():
        pass
    assert {notice.user.username for notice in Notice.objects.filter(event="budget.exceeded")} > {"vikram"}


@pytest.mark.parametrize(
    ("total", "budget", "percent"),
    [("470500", "350000", "34.4"), ("100.05", "100", "0.1"), ("0", "100", "-100.0"), ("5", "0", None)],
)
def test_variance(total: str, budget: str, percent: str | None) -> None:
    assert variance(Decimal(total), Decimal(budget)) == (None if percent is None else Decimal(percent))


# -- prices -----------------------------------------------------------------------------------------------------------
def book(version: str, day: int, **changes: str | None) -> None:
    """Publish the shipped book again with changes, in force from a day of November."""
    old = PriceBook.objects.get(version="2026-01 v1")
    new = PriceBook.objects.create(version=version, effective_from=datetime(2026, 11, day, tzinfo=UTC), source="test")
    lines = {(row.kind, row.key): row.amount for row in old.prices.all()}
    lines |= {(kind, ""): None if amount is None else Decimal(amount) for kind, amount in changes.items()}
    Price.objects.bulk_create(
        Price(book=new, kind=kind, key=key, amount=amount)
        for (kind, key), amount in lines.items()
        if amount is not None
    )


def test_a_line_without_a_price_is_named_and_never_nought(subject: Tenant) -> None:
    book("no hours", 1, compute_hour=None)
    use(subject, "15000", "500", "720")
    found = made(subject)
    assert found.total_inr is None and found.variance_percent is None
    assert found.unpriced == ["Compute hours: not in price book no hours"]
    assert found.known_inr == Decimal("212500.00")
    assert found.lines[-1]["amount_inr"] is None
    assert CentreMonth.objects.get().total_inr is None


def test_a_baseline_nobody_knows_is_named(subject: Tenant) -> None:
    subject.monthly_cost_inr = None
    subject.price_book = None
    subject.save()
    assert made(subject).unpriced == ["Baseline: no price is known"]


def test_each_day_has_the_price_in_force_as_it_began(subject: Tenant) -> None:
    book("dearer", 15, query="3.00")
    counted(subject, "100", day=date(2026, 11, 14))
    counted(subject, "100", day=date(2026, 11, 15))
    found = made(subject)
    assert [(line["price_book"], line["amount_inr"]) for line in found.lines[1:]] == [
        ("2026-01 v1", "250.00"),
        ("dearer", "300.00"),
    ]


def test_the_baseline_of_a_part_of_a_month(subject: Tenant) -> None:
    assert made(subject, date(2026, 9, 1)).lines[0]["amount_inr"] == "93333.33"  # 28 days of 30
    actions.agree(subject.pk, Decimal("150000.00"), date(2026, 11, 16), actor=SYSTEM, reason="season")
    actions.agree(subject.pk, LAKH, date(2026, 11, 26), actor=SYSTEM, reason="season over")
    assert [line["amount_inr"] for line in made(subject).lines] == ["50000.00", "50000.00", "16666.67"]


def test_expected_use_is_no_baseline(shipped: None) -> None:
    asked = {"tier": "gold", "region": "ap-south-1", "users": 100, "documents": 50_000}
    assert baseline_of(estimate(**asked, queries_per_day=100).as_json()) == estimate(**asked).monthly_inr
    assert baseline_of(estimate(**{**asked, "region": "nowhere"}).as_json()) is None


# -- closing ----------------------------------------------------------------------------------------------------------
def test_a_closed_month_is_frozen_and_in_the_ledger(subject: Tenant) -> None:
    use(subject, "15000", "500", "720")
    found = closed(subject)
    assert found.state == "closed" and found.total_inr == Decimal("248500.00")
    entry = Entry.objects.get(verb="statement.closed", object_id=str(found.pk))
    assert entry.data["sha256"] == statements.content(found)
    book("dearer", 1, query="30.00")
    statements.refresh(NOVEMBER)
    found.refresh_from_db()
    assert found.total_inr == Decimal("248500.00")
    for sql in (
        "UPDATE costs_statement SET known_inr = 1, total_inr = 1",
        "UPDATE costs_statement SET state = 'open', closed_at = NULL",
        "DELETE FROM costs_statement",
    ):
        with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(sql)


def test_three_days_are_left_to_tell_of_the_last(subject: Tenant) -> None:
    schedule.tick()
    with time_machine.travel(datetime(2026, 12, 3, 23, 59)):
        schedule.tick()
        assert Statement.objects.get(tenant=subject, month_id=NOVEMBER).state == "open"
    assert closed(subject).state == "closed"


def test_a_month_slept_through_is_not_left_out(subject: Tenant) -> None:
    schedule.tick()
    with time_machine.travel(datetime(2027, 2, 10)):
        schedule.tick()
    found = dict(Statement.objects.values_list("month_id", "state"))
    assert [f"{month:%Y-%m} {found[month]}" for month in sorted(found)] == [
        "2026-11 closed", "2026-12 closed", "2027-01 closed", "2027-02 open",
    ]  # fmt: skip


def test_freezing_goes_on_where_it_was_killed(subject: Tenant) -> None:
    other = tenant("charged-too", "FIN", "meera", activated_at=ACTIVATED)
    statements.refresh(NOVEMBER)
    with time_machine.travel(AFTER):
        close_month(NOVEMBER, actor=SYSTEM, reason="over")
        with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("UPDATE costs_statement SET total_inr = 1")
        schedule.tick()
    assert {one.state for one in Statement.objects.filter(tenant__in=[subject, other], month_id=NOVEMBER)} == {"closed"}


def test_no_statement_closes_before_its_month(subject: Tenant) -> None:
    made(subject)
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE costs_statement SET state = 'closed', closed_at = now()")


def test_a_correction_is_a_line_of_the_next_month(subject: Tenant) -> None:
    use(subject, "15000", "500", "720")
    open_one = made(subject)
    with pytest.raises(Conflict):
        actions.adjust(open_one.pk, Decimal(-500), actor=cfo(), reason="too much")
    found = closed(subject)
    with time_machine.travel(AFTER):
        for actor in (Actor.of_user(person("priya")), Actor.of_user(person("meera")), SYSTEM):
            with pytest.raises(NotAllowed):
                actions.adjust(found.pk, Decimal(-500), actor=actor, reason="too much")
        with pytest.raises(Invalid):
            actions.adjust(found.pk, Decimal(0), actor=cfo(), reason="nothing")
        actions.adjust(found.pk, Decimal("-500.00"), actor=cfo(), reason="counted twice")
        counted(subject, "100")  # of November, told late
        following = made(subject, date(2026, 12, 1))
    labels = {line["label"]: line["amount_inr"] for line in following.lines}
    assert labels == {
        "Baseline": "100000.00",
        "Queries, of earlier months": "250.00",
        "Correction of November 2026: counted twice": "-500.00",
    }


# -- currency ---------------------------------------------------------------------------------------------------------
def publish(currency: str, inr: str, on: date) -> None:
    actions.publish_rate(currency, Decimal(inr), on, "RBI reference rate", actor=cfo(), reason="monthly")


def test_another_currency_names_its_rate_and_date(subject: Tenant, api: Any) -> None:
    publish("USD", "80", date(2026, 11, 1))
    publish("USD", "83.50", date(2026, 11, 20))
    publish("USD", "90", date(2026, 11, 22))  # not yet in force
    url = f"/api/v1/costs/{made(subject).pk}/"
    shown = api("vikram").get(url, {"currency": "usd"}).json()["shown"]
    assert shown == {
        "currency": "USD", "total": "1197.60", "inr_per_unit": "83.500000", "effective_on": "2026-11-20",
        "source": "RBI reference rate",
    }  # fmt: skip
    assert api("vikram").get(url, {"currency": "INR"}).json()["shown"]["total"] == "100000.00"
    assert api("vikram").get(url).json()["shown"] is None


@pytest.mark.parametrize("currency", ["EUR", "XXX", "rupees and more", "%"])
def test_an_unknown_rate_is_refused_and_never_one(subject: Tenant, api: Any, currency: str) -> None:
    publish("EUR", "98.00", date(2026, 12, 25))  # of a day to come
    found = made(subject)
    answer = api("vikram").get(f"/api/v1/costs/{found.pk}/", {"currency": currency})
    assert answer.status_code == 422 and "no rate of" in answer.json()["detail"]


def test_a_rate_is_published_once_for_a_day(shipped: None) -> None:
    publish("USD", "80", NOVEMBER)
    with pytest.raises(Conflict):
        publish("USD", "81", NOVEMBER)
    with pytest.raises(Invalid):
        publish("INR", "1", NOVEMBER)
    with pytest.raises(NotAllowed):
        actions.publish_rate("EUR", Decimal(1), NOVEMBER, "me", actor=Actor.of_user(person("meera")), reason="because")
    for sql in ("UPDATE costs_rate SET inr_per_unit = 1", "DELETE FROM costs_rate"):
        with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(sql)
