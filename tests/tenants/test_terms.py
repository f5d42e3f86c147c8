"""Terms of a tier: service levels and their credits, dunning step by step, and costs that rise too fast."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from django.db import DatabaseError, connection, transaction

from portal.access.actor import Actor
from portal.jobs.outbox import deliver_due
from portal.lib.errors import Conflict, Invalid, NotAllowed
from portal.notify.models import Notice
from tenants import actions as registry
from tenants.costs import actions, dunning, schedule, service
from tenants.costs.models import Arrears, Rise, Terms
from tenants.costs.terms import parse
from tenants.models import Tenant
from tests.admin.world import person, tenant
from tests.lifecycle.test_bad_input_elsewhere import refused

from .test_statements import ACTIVATED, LAKH, cfo, made
from .test_usage import NOVEMBER, counted


@pytest.fixture(autouse=True)
def _november() -> Any:
    with time_machine.travel(datetime(2026, 11, 21, 12, 0), tick=True):
        yield


@pytest.fixture
def subject(shipped: None) -> Tenant:
    return tenant("bound", "FIN", "meera", monthly_cost_inr=LAKH, activated_at=ACTIVATED)


def agree(credits: str = "", on: date = NOVEMBER, tier: str = "gold", **changes: int) -> Terms:
    days = {"notice_days": 7, "grace_days": 14, **changes}
    more = {"source": "contract 7", "actor": cfo(), "reason": "signed"}
    return actions.publish_terms(tier, on, credits=parse(credits), **days, **more)


# -- service ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("target", "down", "allowed", "attained", "burnt"),
    [
        ("99.99", "0", "4.38", "100", "0.0"),
        ("99.99", "4.38", "4.38", "99.99", "100.0"),
        ("99.9", "21.9", "43.80", "99.95", "50.0"),
        ("95", "43800", "2190.00", "0", "2000.0"),
        ("100", "1", "0.00", "99.9977", None),
        ("99.99", None, "4.38", None, None),
    ],
)
def test_what_is_allowed_and_attained(
    target: str, down: str | None, allowed: str, attained: str | None, burnt: str | None
) -> None:
    found = service.Service(Decimal(target), None if down is None else Decimal(down)).as_json()
    assert (found["allowed_minutes"], found["attained_percent"], found["burnt_percent"]) == (allowed, attained, burnt)


def test_the_worst_that_was_reached_is_given_back_once(subject: Tenant) -> None:
    agree("99.9 10\n99 25\n95 100")
    counted(subject, "438", "down_minutes")  # 99 % exactly: below 99.9, not below 99
    found = made(subject)
    assert found.lines[-1]["amount_inr"] == "-10000.00" and found.total_inr == Decimal("90000.00")
    counted(subject, "1", "down_minutes")
    assert made(subject).total_inr == Decimal("75000.00")
    assert found.service["burnt_percent"] == "1000.0" and not found.unpriced, "minutes have no price"


def test_nothing_is_given_back_where_nothing_is_agreed(subject: Tenant) -> None:
    counted(subject, "4380", "down_minutes")
    assert made(subject).total_inr == LAKH
    agree("99.9 10", on=date(2026, 12, 1))
    assert made(subject).total_inr == LAKH, "terms of a day to come"


@pytest.mark.parametrize("text", ["99.9", "99.9 10 5", "all of it", "99.9 -1", "1e1 5", "99.9 10\n" * 11])
def test_credits_are_written_one_a_line(text: str) -> None:
    with pytest.raises(Invalid):
        parse(text)


def test_terms_are_the_cfos_and_are_not_edited(subject: Tenant, api: Any) -> None:
    agree()
    with pytest.raises(Conflict):
        agree()
    with pytest.raises(Invalid):
        agree("0 10", on=date(2026, 11, 2))
    with pytest.raises(Invalid):
        agree(tier="nosuch")
    with pytest.raises(NotAllowed):
        actions.publish_terms(
            "gold", date(2026, 11, 3), 1, 1, [], "me", actor=Actor.of_user(person("priya")), reason="because"
        )
    body = {
        "tier": "gold",
        "effective_on": "2026-11-05",
        "notice_days": 1,
        "grace_days": 2,
        "source": "c",
        "reason": "r",
    }
    given = {**body, "credits": [{"below": "99.90", "percent": "10.00"}]}
    assert api("vikram").post("/api/v1/terms/", given).json()["credits"] == [["99.9", "10"]]
    for wrong in ({"grace_days": 0}, {"credits": [{"below": "101", "percent": "1"}]}, {"credits": "x"}, {"colour": 1}):
        refused(api("vikram").post("/api/v1/terms/", {**body, **wrong}), 422)
    for sql in ("UPDATE costs_terms SET grace_days = 99", "DELETE FROM costs_terms"):
        with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(sql)


# -- dunning ----------------------------------------------------------------------------------------------------------
def pays(subject: Tenant, status: str) -> None:
    registry.edit(subject.pk, actor=Actor.of_user(person("priya")), reason="the bank says so", payment_status=status)


def on(day: int) -> None:
    """The round of a day of December; twice, because the second must do nothing."""
    with time_machine.travel(datetime(2026, 12, day, 3, 0)):
        dunning.tick()
        dunning.tick()
        while deliver_due():
            pass


def test_told_then_given_time_then_suspended(subject: Tenant) -> None:
    pays(subject, "overdue")
    on(1)
    on(7)
    assert not Notice.objects.filter(event="arrears.noticed").exists()
    on(8)
    told = Notice.objects.filter(event="arrears.noticed")
    assert {notice.user.username for notice in told} == {"meera", "vikram"} and "22 Dec 2026" in told[0].title
    on(21)
    subject.refresh_from_db()
    assert subject.status == "active"
    on(22)
    subject.refresh_from_db()
    assert subject.status == "suspended" and subject.status_reason == "Payment overdue since 01 Dec 2026"
    pays(subject, "current")
    on(23)
    assert Arrears.objects.get().ended_at and told.count() == 2


def test_a_dispute_stops_the_clock_and_grace_begins_anew(subject: Tenant) -> None:
    pays(subject, "overdue")
    on(1)
    on(8)
    pays(subject, "disputed")
    on(22)
    assert Arrears.objects.get().suspends_on is None
    pays(subject, "overdue")
    on(25)
    assert Arrears.objects.get().suspends_on == date(2027, 1, 8)
    subject.refresh_from_db()
    assert subject.status == "active"


def test_paid_in_time_is_not_suspended(subject: Tenant) -> None:
    pays(subject, "overdue")
    on(1)
    on(8)
    pays(subject, "current")
    on(22)
    subject.refresh_from_db()
    assert subject.status == "active" and Arrears.objects.get().ended_at
    pays(subject, "overdue")
    on(23)
    assert Arrears.objects.filter(ended_at=None).count() == 1, "another time begins anew"


def test_who_is_overdue_is_said_over_http(subject: Tenant, api: Any) -> None:
    url = f"/api/v1/tenants/{subject.pk}/payment/"
    body = {"payment_status": "overdue", "billing_contact": "nadia", "reason": "no money came"}
    assert api("priya").post(url, body).status_code == 200
    subject.refresh_from_db()
    assert (subject.payment_status, subject.billing_contact) == ("overdue", person("nadia"))
    refused(api("priya").post(url, {**body, "payment_status": "broke"}), 422)
    assert "billing_contact" in refused(api("priya").post(url, {**body, "billing_contact": "nobody"}), 422)["fields"]
    for username in ("meera", "vikram", "kiran"):
        refused(api(username).post(url, body), 403)
    on(1)
    assert api("meera").get("/api/v1/arrears/").json()["count"] == 1
    assert api("arjun").get("/api/v1/arrears/").json()["count"] == 0


# -- rises ------------------------------------------------------------------------------------------------------------
def told_of_rises() -> list[str]:
    schedule.tick()
    schedule.tick()
    while deliver_due():
        pass
    found = Notice.objects.filter(event="cost.rose", user__username="vikram").order_by("title")
    return [notice.title for notice in found]


def test_a_rise_of_more_than_thirty_percent_is_told_once(subject: Tenant) -> None:
    made(subject, date(2026, 10, 1))
    counted(subject, "12000")  # 30 % more exactly
    assert told_of_rises() == []
    counted(subject, "4")
    assert told_of_rises() == [
        "The platform costs 30 % more in November 2026 than in the month before",
        "bound costs 30 % more in November 2026 than in the month before",
    ]
    assert {notice.user.username for notice in Notice.objects.filter(event="cost.rose")} == {"vikram", "meera"}
    assert Rise.objects.count() == 2


def test_the_month_in_which_a_tenant_came_is_no_measure(subject: Tenant) -> None:
    Tenant.objects.filter(pk=subject.pk).update(activated_at=datetime(2026, 10, 28, tzinfo=UTC))
    made(subject, date(2026, 10, 1))
    assert [title for title in told_of_rises() if title.startswith("bound")] == []
