"""Configuration over REST and as pages: strict, by scope, and in words."""

from typing import Any

import pytest
from django.test import Client

from tenants.configuration.models import Version
from tenants.models import Tenant
from tests.admin.world import person
from tests.flags.test_pages import text

pytestmark = pytest.mark.django_db
AT = "/api/v1/configurations/"
PART = {"retrieval": {"passages": 5}}


def body(one: Tenant, **more: Any) -> dict[str, Any]:
    return {"tenant_id": str(one.pk), "document": PART, "base": 0, "reason": "x", **more}


def test_a_version_from_its_writing_to_its_return(api: Any, mine: Tenant, foreign: Tenant) -> None:
    meera = api("meera")
    first = meera.post(AT, body(mine))
    assert first.status_code == 201 and first.json()["changes"] == [
        {"path": "retrieval.passages", "old": None, "new": 5}
    ]
    assert meera.post(AT, body(mine, document={"retrieval": {"passages": 9}}, base=1)).status_code == 201
    holds = meera.get(f"{AT}of/{mine.pk}/").json()
    assert holds == {"effective": {"retrieval": {"passages": 9}}, "own": {"retrieval": {"passages": 9}}, "base": 2}
    back = meera.post(f"{AT}{first.json()['id']}/rollback/", {"reason": "slow"})
    assert (back.status_code, back.json()["number"], back.json()["copy_of"]) == (201, 3, 1)
    assert [one["number"] for one in meera.get(AT).json()["results"]] == [3, 2, 1]
    arjun = api("arjun")
    assert arjun.get(AT).json()["count"] == 0
    for asked in (arjun.get(f"{AT}of/{mine.pk}/"), arjun.get(f"{AT}{first.json()['id']}/")):
        assert asked.status_code == 404
    assert meera.get(f"{AT}schema/").json()["title"] == "Tenant configuration"


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"surprise": 1}, 422),
        ({"tier": "gold"}, 422),
        ({"tenant_id": None}, 422),
        ({"document": {"retrieval": {"passages": 500}}}, 422),
        ({"document": []}, 422),
        ({"base": 3}, 409),
        ({"reason": ""}, 422),
    ],
)
def test_a_body_of_another_shape_changes_nothing(api: Any, mine: Tenant, change: dict[str, Any], status: int) -> None:
    answer = api("meera").post(AT, body(mine, **change))
    assert answer.status_code == status, answer.json()
    assert not Version.objects.exists()


def test_whoever_runs_the_platform_says_why_before_reading_a_tenants(api: Any, mine: Tenant) -> None:
    api("meera").post(AT, body(mine))
    priya = api("priya")
    assert "document" not in priya.get(AT).json()["results"][0]
    assert priya.get(f"{AT}of/{mine.pk}/").status_code == 403
    tier = {"tier": "gold", "document": PART, "base": 0, "reason": "x"}
    assert priya.post(AT, tier).status_code == 201
    assert api("meera").post(AT, {**tier, "base": 1}).status_code == 403


def page(username: str) -> Client:
    client = Client()
    client.force_login(person(username), backend="django.contrib.auth.backends.ModelBackend")
    return client


def test_a_tenant_admin_sees_what_holds_changes_it_and_goes_back(mine: Tenant) -> None:
    meera, at = page("meera"), f"/tenant-configuration/{mine.pk}/"
    assert at in text(meera.get(f"/tenants/{mine.pk}/"))
    assert "the platform's own defaults hold" in text(meera.get(at))
    sent = {"verb": "set", "reason": "x", "passages": "5", "rerank": "false", "base": "0"}
    shown = text(meera.post(at + "do/set/", sent, follow=True))
    assert "Passages given to the model" in shown and "Version 1" in shown
    assert Version.objects.get().document == {"retrieval": {"passages": 5, "rerank": False}}
    assert "in the meantime" in text(meera.post(at + "do/set/", {**sent, "passages": "6"}), 409)
    wrong = text(meera.post(at + "do/set/", {**sent, "base": "1", "passages": "900"}), 422)
    assert "900 is greater than the maximum of 100" in wrong
    meera.post(at + "do/set/", {**sent, "base": "1", "passages": "9", "accent": "#0f5c57"})
    meera.post(at + "do/back/", {"verb": "back", "reason": "slow", "number": "1"})
    assert Version.objects.order_by("-number")[0].copy_of == 1
    second = Version.objects.get(number=2)
    shown = text(meera.get(f"/configurations/{second.pk}/"))
    assert "<del>5</del> <ins>9</ins>" in shown and "#0f5c57" in shown


def test_a_tiers_part_is_the_administrators(shipped: None) -> None:
    priya = page("priya")
    sent = {"verb": "set", "reason": "x", "name": "large-1", "base": "0"}
    assert "large-1" in text(priya.post("/tier-configuration/gold/do/set/", sent, follow=True))
    assert page("meera").post("/tier-configuration/gold/do/set/", {**sent, "base": "1"}).status_code == 403
    assert "large-1" in text(page("meera").get("/tier-configuration/gold/"))
