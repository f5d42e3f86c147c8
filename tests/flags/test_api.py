"""Flags over REST: one verb per POST, strict bodies, only one's own tenants, and figures that platforms report."""

from typing import Any

import pytest

from tenants.flags.models import Exposure
from tenants.models import Tenant

from .made import flag, kill_switch, on_for
from .test_ofrep import service, speaking

pytestmark = pytest.mark.django_db
NEW = {"key": "cite-sources", "title": "Sources", "purpose": "Answers name the page.", "owner": "kiran", "reason": "x"}


def test_a_flag_from_its_making_to_its_end(api: Any, mine: Tenant) -> None:
    kiran = api("kiran")
    made = kiran.post("/api/v1/flags/", NEW)
    assert made.status_code == 201 and made.json()["variants"] == {"on": True, "off": False}
    at = "/api/v1/flags/cite-sources/"
    verbs = [
        ("rollout/", {"tier": "gold", "percent": 10}),
        ("default/", {"tier": "silver", "variant": "on"}),
        ("override/", {"tenant_id": str(mine.pk), "variant": "on"}),
        ("override-removal/", {"tenant_id": str(mine.pk)}),
        ("off/", {}),
        ("on/", {}),
    ]
    for verb, body in verbs:
        answer = kiran.post(at + verb, {**body, "reason": "x"})
        assert answer.status_code == 200, (verb, answer.json())
    assert [(one["tier"], one["variant"], one["percent"]) for one in answer.json()["tiers"]] == [
        ("gold", "", 10), ("silver", "on", 0),
    ]  # fmt: skip
    assert kiran.patch(at, {"title": "Named sources", "reason": "x"}).json()["title"] == "Named sources"
    assert kiran.post(at + "archival/", {"reason": "done"}).json()["archived_at"]
    assert kiran.get("/api/v1/flags/?is_archived=false").json()["count"] == 0


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({**NEW, "surprise": 1}, "surprise"),
        ({**NEW, "owner": "nosuch"}, "user"),
        ({**NEW, "expires_on": "2100-01-01"}, "expires_on"),
        ({**NEW, "kind": "toggle"}, "kind"),
        ({**NEW, "variants": []}, "variants"),
        ({**NEW, "variants": {"on": {}, "off": False}}, "variants"),
        ({**NEW, "type": "number", "variants": {"off": 0, "on": 10**400}}, "variants"),
    ],
)
def test_a_body_of_another_shape_is_named_and_changes_nothing(api: Any, body: dict[str, Any], field: str) -> None:
    answer = api("kiran").post("/api/v1/flags/", body)
    assert answer.status_code == 422 and field in answer.json()["fields"], answer.json()
    assert api("kiran").get("/api/v1/flags/").json()["count"] == 0


def test_a_tenant_admin_reads_flags_in_words_and_sees_only_their_own_tenants(
    api: Any, mine: Tenant, foreign: Tenant
) -> None:
    flag()
    on_for("cite-sources", foreign)
    meera = api("meera")
    shown = meera.get("/api/v1/flags/cite-sources/").json()
    assert shown["purpose"] and shown["owner"] == "kiran" and str(foreign.pk) not in str(shown)
    rows = meera.get("/api/v1/flags/cite-sources/tenants/").json()["results"]
    assert [(one["tenant"], one["value"], one["reason"]) for one in rows] == [("finance-notes", False, "STATIC")]
    assert meera.post("/api/v1/flags/cite-sources/off/", {"reason": "no"}).status_code == 403
    assert meera.get("/api/v1/flags/export/").status_code == 403


def test_flagds_document_is_for_those_who_see_every_tenant(api: Any, mine: Tenant) -> None:
    flag(), kill_switch()
    on_for("cite-sources", mine)
    found = api("oliver").get("/api/v1/flags/export/").json()
    assert found["$schema"] == "https://flagd.dev/schema/v0/flags.json"
    assert found["flags"]["cite-sources"]["targeting"]["if"][0]["in"][1] == [str(mine.pk)]


def test_a_platform_reports_what_it_measured(api: Any, mine: Tenant) -> None:
    flag()
    row = {"flag": "cite-sources", "variant": "on", "requests": 10, "failed": 1, "latency_ms": 4_000}
    platform = speaking(service(None, scope="flag.report"))
    for _ in range(2):
        assert platform.post("/api/v1/flags/exposures/", {"exposures": [row]}, format="json").json() == {"taken": 1}
    found = Exposure.objects.get()
    assert (found.requests, found.errors, found.latency_ms) == (20, 2, 8_000)
    for wrong in ({"variant": "sideways"}, {"failed": 11}, {"flag": "nosuch"}, {"requests": -1}):
        answer = platform.post("/api/v1/flags/exposures/", {"exposures": [{**row, **wrong}]}, format="json")
        assert answer.status_code == 422, answer.json()
    assert api("kiran").post("/api/v1/flags/exposures/", {"exposures": [row]}).status_code == 403


def test_what_tiers_include(api: Any) -> None:
    body = {"code": "own-prompts", "title": "Own prompts", "says": "You write the prompt.", "reason": "x"}
    priya = api("priya")
    assert priya.post("/api/v1/features/", {**body, "tiers": ["gold"]}).json()["tiers"] == ["gold"]
    assert priya.post("/api/v1/features/", {**body, "tiers": ["tin"]}).status_code == 422
    assert api("meera").get("/api/v1/features/own-prompts/").json()["says"] == "You write the prompt."


def test_the_monthly_review(api: Any) -> None:
    kiran = api("kiran")
    assert kiran.post("/api/v1/flag-reviews/", {"reason": "nothing to do"}).status_code == 201
    assert kiran.post("/api/v1/flag-reviews/", {"reason": "again"}).status_code == 409
    assert api("oliver").get("/api/v1/flag-reviews/").json()["count"] == 1
    assert api("meera").get("/api/v1/flag-reviews/").status_code == 403
