"""The estate through its doors: who sees and decides what, what is refused, and that the database says it again."""

import re
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.test import Client

from lifecycle.estate import actions
from lifecycle.estate.comparing import Seen
from lifecycle.estate.metrics import EstateCollector
from lifecycle.estate.models import Decision, Finding, ModuleVersion
from lifecycle.estate.recording import write_down
from lifecycle.estate.stacks import place_of
from lifecycle.estate.subscribers import price
from portal.jobs.outbox import deliver_due
from portal.lib.clock import now
from portal.notify.models import Notice
from tenants.models import Tenant
from tests.admin.world import person, tenant

from .made import SYSTEM, finding, kiran, noise, open_findings

pytestmark = pytest.mark.django_db
URL = "/api/v1/estate-"


@pytest.fixture
def mine(shipped: None) -> Tenant:
    return tenant("stands-x", "FIN", "meera")


def test_found_decided_and_withdrawn_over_http(api: Any, mine: Tenant) -> None:
    one = finding(mine)
    listed = api("kiran").get(f"{URL}findings/?state=open&kind=drift").json()["results"]
    assert [row["monthly_inr"] for row in listed] == [None]
    body = {"findings": [str(one.pk)], "remedy": "repair", "reason": "Nobody asked for it."}
    made = api("kiran").post(f"{URL}decisions/", body)
    assert made.status_code == 201 and made.json()["state"] == "pending_approval"
    assert api("kiran").post(f"{URL}decisions/", body).status_code == 409
    assert not open_findings(mine)
    back = api("kiran").post(f"{URL}decisions/{made.json()['id']}/withdrawal/", {"reason": "not so"})
    assert back.json()["state"] == "cancelled" and list(open_findings(mine)) == [one.address]


BAD: list[tuple[dict[str, Any], int]] = [
    ({"remedy": "adopt"}, 422),
    ({"remedy": "destroy"}, 422),
    ({"remedy": "burn"}, 422),
    ({"remedy": "ignore"}, 422),
    ({"remedy": "ignore", "until": "2020-01-01"}, 422),
    ({"until": "2099-01-01"}, 422),
    ({"findings": []}, 422),
    ({"findings": ["00000000-0000-4000-8000-000000000000"]}, 404),
    ({"reason": " "}, 422),
    ({"surprise": 1}, 422),
]


def test_bad_input_changes_nothing(api: Any, mine: Tenant) -> None:
    one, client = finding(mine), api("kiran")
    for change, status in BAD:
        body = {"findings": [str(one.pk)], "remedy": "repair", "reason": "Why.", **change}
        answer = client.post(f"{URL}decisions/", body)
        assert answer.status_code == status and answer["Content-Type"] == "application/problem+json", change
    assert not Decision.objects.exists() and Finding.objects.get(pk=one.pk).state == "open"


def test_findings_of_two_tenants_need_two_decisions(api: Any, mine: Tenant) -> None:
    both = [str(finding(one).pk) for one in (mine, tenant("other-x", "HR", "arjun"))]
    body = {"findings": both, "remedy": "repair", "reason": "Why."}
    assert api("kiran").post(f"{URL}decisions/", body).status_code == 422


def test_who_sees_and_who_decides(api: Any, mine: Tenant) -> None:
    own, other = finding(mine), finding(tenant("other-x", "HR", "arjun"))
    seen = {row["id"] for row in api("meera").get(f"{URL}findings/").json()["results"]}
    assert seen == {str(own.pk)} and str(other.pk) not in seen
    body = {"findings": [str(own.pk)], "remedy": "repair", "reason": "Why."}
    assert api("meera").post(f"{URL}decisions/", body).status_code == 403


def test_a_noise_rule_says_what_until_when_and_who_answers(api: Any, mine: Tenant) -> None:
    until = (now() + timedelta(days=30)).date().isoformat()
    body = {"resource_type": "region_iam_user", "owner": "kiran", "expires_on": until, "reason": "Rotated."}
    admin = api("priya")
    made = admin.post("/api/v1/noise-rules/", body)
    assert made.status_code == 201, made.json()
    assert admin.post("/api/v1/noise-rules/", {**body, "resource_type": ""}).status_code == 422
    assert admin.post("/api/v1/noise-rules/", {**body, "expires_on": "2020-01-01"}).status_code == 422
    assert api("meera").post("/api/v1/noise-rules/", body).status_code == 403
    ended = admin.post(f"/api/v1/noise-rules/{made.json()['id']}/end/", {"reason": "over"})
    assert ended.status_code == 200 and ended.json()["ended_at"]
    assert admin.post(f"/api/v1/noise-rules/{made.json()['id']}/end/", {"reason": "over"}).status_code == 409


def test_pages(client: Client, mine: Tenant) -> None:
    one, rule = finding(mine), noise()
    asked = actions.decide([finding(mine, address="a.b").pk], "repair", actor=kiran(), reason="Why.")
    client.force_login(person("kiran"))
    for path in ("estate-findings", "estate-decisions", "noise-rules"):
        assert client.get(f"/{path}/").status_code == 200
    shown = client.get(f"/estate-findings/{one.pk}/").content.decode()
    assert "not known" in shown and "Put right" in shown
    for path in (f"estate-decisions/{asked.pk}", f"noise-rules/{rule.pk}", f"approvals/{asked.case_id}"):
        assert client.get(f"/{path}/").status_code == 200, path
    client.force_login(person("anita"))
    assert ">Why.<" in client.get(f"/approvals/{asked.case_id}/").content.decode(), "who signs reads why"
    client.force_login(person("kiran"))
    given = {"reason": "Known.", "until": (now() + timedelta(days=5)).date().isoformat(), "verb": "ignore"}
    assert client.post(f"/estate-findings/{one.pk}/do/ignore/", given).status_code == 302
    assert Decision.objects.get(remedy="ignore").findings.get() == one


def test_what_nobody_knows_the_price_of_is_never_nought(client: Client, mine: Tenant) -> None:
    """On the page, in the figures and in the news: known, nothing, and not known are three things."""
    seen = [
        Seen("orphan", "it exists", resource=name, resource_type=name, monthly_inr=cost)
        for name, cost in (("a-key", Decimal("83.50")), ("a-role", Decimal(0)), ("a-cluster", None))
    ]
    write_down(place_of(mine), seen, actor=SYSTEM)
    while deliver_due():
        pass
    client.force_login(person("kiran"))
    shown = client.get("/estate-findings/?o=4").content.decode()
    rows = dict(re.findall(r">stands-x: ([a-z-]+)<.*?₹ a month\"[^>]*><span>([^<]+)<", shown, re.DOTALL))
    assert rows == {"a-key": "₹84", "a-role": "₹0", "a-cluster": "not known"}
    assert "and 1 orphan without a price" in shown and ">₹84<" in shown
    told = Notice.objects.filter(event="estate.found").first()
    assert told and "₹83.50, and 1 without a price" in str(vars(told))
    assert [price(None, 2), price("0.00", 0)] == ["not known", "₹0.00"]
    figures = {one.labels["price"]: one.value for one in list(EstateCollector().collect())[1].samples}
    assert figures == {"known": 83.5, "unknown_items": 1}


def test_the_database_says_it_again(mine: Tenant) -> None:
    one = finding(mine)
    asked = actions.decide([one.pk], "repair", actor=kiran(), reason="Why.")
    version = ModuleVersion.objects.create(pk="0" * 64, files={})
    for act in (
        lambda: Decision.objects.filter(pk=asked.pk).update(state="done"),
        lambda: Decision.objects.filter(pk=asked.pk).update(remedy="destroy"),
        lambda: Decision.objects.filter(pk=asked.pk).delete(),
        lambda: Finding.objects.filter(pk=one.pk).update(address="x"),
        lambda: Finding.objects.filter(pk=one.pk).delete(),
        lambda: ModuleVersion.objects.filter(pk=version.pk).update(files={"a": "b"}),
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            act()


def test_figures(mine: Tenant) -> None:
    finding(mine)
    finding(mine, kind="orphan", address="", resource="arn:aws:s3:::x", monthly_inr="120.50")
    finding(mine, kind="orphan", address="", resource="arn:aws:s3:::y")
    found = {(s.name, *s.labels.values()): s.value for family in EstateCollector().collect() for s in family.samples}
    assert found[("estate_findings", "drift")] == 1 and found[("estate_findings", "orphan")] == 2
    assert found[("estate_orphan_cost_inr", "known")] == 120.5
    assert found[("estate_orphan_cost_inr", "unknown_items")] == 1
