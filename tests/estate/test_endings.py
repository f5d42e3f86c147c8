"""A tenant's last day: reminders at their distances, then a request; a clock destroys nothing."""

from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
import time_machine
from django.db import IntegrityError, connection, transaction
from django.test import Client

from lifecycle.estate import schedule
from lifecycle.estate.models import Ending, Lifetime
from portal.approvals.models import Case, Requirement
from portal.audit.models import Entry
from portal.jobs.outbox import deliver_due, emit
from portal.lib.clock import now
from portal.notify.models import Notice
from tenants.models import Tenant
from tests.admin.world import person, tenant

from .made import ending

pytestmark = pytest.mark.django_db
END = datetime.combine(now().date() + timedelta(days=30), time(), UTC)  # later than the rules that are shipped here


def at(moment: datetime) -> Any:
    return time_machine.travel(moment, tick=False)


def watched() -> None:
    schedule.watch_endings()
    while deliver_due():
        pass


def told() -> list[str]:
    rows = Notice.objects.filter(event="estate.ending").values_list("title", flat=True)
    return sorted({title.rpartition(": ")[2].removesuffix(" are left") for title in rows})


def answered(ending: Ending, word: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE approvals_case DISABLE TRIGGER USER")
        cursor.execute("UPDATE approvals_case SET state = %s WHERE id = %s", [word, ending.case_id])
        cursor.execute("ALTER TABLE approvals_case ENABLE TRIGGER USER")
    about = {"case_id": ending.case_id, "subject_type": "estate.ending", "subject_id": ending.pk, "state": word}
    emit(f"approval.{word}", about)
    while deliver_due():
        pass


@pytest.mark.parametrize(
    ("word", "status", "state"), [("approved", "suspended", "ended"), ("rejected", "active", "kept")]
)
def test_reminders_then_a_request_and_only_that(shipped: None, word: str, status: str, state: str) -> None:
    with at(END - timedelta(days=9)):
        one = tenant("ends-x", "FIN", "meera", expires_on=(END - timedelta(days=1)).date())
    for left, known in (
        (timedelta(days=3), []),
        (timedelta(days=2), ["2 days"]),
        (timedelta(hours=30), ["2 days"]),
        (timedelta(hours=2), ["2 days", "2 hours"]),
        (timedelta(minutes=29), ["2 days", "2 hours", "30 minutes"]),
    ):
        with at(END - left):
            watched()
            watched()
        assert told() == known
    with at(END + timedelta(minutes=1)):
        watched()
        watched()
        ending = Ending.objects.get(tenant_id=one.pk)
        case = Case.objects.get(pk=ending.case_id)
        assert ending.state == "asked" and case.requested_by_id == one.owner_id
        assert list(Requirement.objects.filter(case=case).values_list("role", flat=True)) == ["compliance_officer"]
        assert Tenant.objects.get(pk=one.pk).status == "active", "nothing happens by the clock alone"
        answered(ending, word)
        watched()
    assert Tenant.objects.get(pk=one.pk).status == status
    assert Ending.objects.get(tenant_id=one.pk).state == state and Case.objects.filter(kind="tenant_end").count() == 1


def test_a_lifetime_is_data_of_tier_and_environment(shipped: None) -> None:
    assert not Lifetime.objects.filter(environment="prod").exists()
    with at(END - timedelta(days=90, hours=-1)):
        one = tenant("short-x", "FIN", "meera", environment="dev")
        tenant("long-x", "FIN", "meera")
    with at(END - timedelta(hours=1)):
        watched()
    assert list(Ending.objects.values_list("tenant_id", flat=True)) == [one.pk] and told() == ["2 hours"]


URL = "/api/v1/lifetimes/"
BAD: list[tuple[dict[str, Any], int]] = [
    ({"days": 0}, 422), ({"days": 3651}, 422), ({"environment": "moon"}, 422), ({"tier": "wood"}, 422),
    ({"reason": " "}, 422), ({"surprise": 1}, 422), ({"environment": "dev"}, 409),
]  # fmt: skip


def test_lifetimes_are_kept_by_administrators(api: Any, shipped: None) -> None:
    admin, body = api("priya"), {"tier": "gold", "environment": "prod", "days": 400, "reason": "A year and a bit."}
    for change, status in BAD:
        answer = admin.post(URL, {**body, **change})
        assert (answer.status_code, answer["Content-Type"]) == (status, "application/problem+json"), change
    assert not Lifetime.objects.filter(environment="prod").exists()
    assert api("kiran").post(URL, body).status_code == 403
    made = admin.post(URL, body)
    assert made.status_code == 201 and admin.get(f"{URL}?environment=prod").json()["results"] == [made.json()]
    one = f"{URL}{made.json()['id']}/"
    assert admin.post(f"{one}change/", {"days": 500, "reason": "Longer."}).json()["days"] == 500
    assert admin.post(f"{one}removal/", {"reason": "It has no end."}).status_code == 204
    assert admin.get(one).status_code == 404
    said = set(Entry.objects.filter(verb__startswith="lifetime.").values_list("verb", flat=True))
    assert said >= {"lifetime.added", "lifetime.changed", "lifetime.removed"}


def test_who_sees_whose_last_day(api: Any, client: Client, shipped: None) -> None:
    own, other = ending(tenant("ends-x", "FIN", "meera")), ending(tenant("other-x", "HR", "arjun"))
    seen = {row["id"] for row in api("meera").get("/api/v1/endings/").json()["results"]}
    assert seen == {str(own.pk)} and api("meera").get(f"/api/v1/endings/{other.pk}/").status_code == 404
    client.force_login(person("priya"))
    life = Lifetime.objects.order_by("pk")[0]
    for path in ("lifetimes", f"lifetimes/{life.pk}", "lifetimes/new", "endings", f"endings/{own.pk}"):
        assert client.get(f"/{path}/").status_code == 200, path
    given = {"reason": "Shorter.", "days": 10, "verb": "change"}
    assert client.post(f"/lifetimes/{life.pk}/do/change/", given).status_code == 302
    assert Lifetime.objects.get(pk=life.pk).days == 10
    assert client.post(f"/lifetimes/{life.pk}/do/remove/", {"reason": "None.", "verb": "remove"}).status_code == 302
    assert not Lifetime.objects.filter(pk=life.pk).exists()


def test_the_database_says_it_again(shipped: None) -> None:
    one, life = ending(tenant("ends-x", "FIN", "meera")), Lifetime.objects.order_by("pk")[0]
    for act in (
        lambda: Ending.objects.filter(pk=one.pk).update(state="ended", case_id=one.pk),
        lambda: Ending.objects.filter(pk=one.pk).update(state="asked"),
        lambda: Ending.objects.filter(pk=one.pk).update(ends_at=now()),
        lambda: Ending.objects.filter(pk=one.pk).delete(),
        lambda: Lifetime.objects.filter(pk=life.pk).update(environment="moon"),
        lambda: Lifetime.objects.filter(pk=life.pk).update(days=0),
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            act()
