"""Access with a reason: who runs the platform says why before reading a tenant; supervisors' reads are written down."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache

from portal.access.actor import Actor
from portal.access.models import AccessSession, Grant
from portal.access.reading import note_read
from portal.audit.models import Entry
from portal.lib.clock import now
from tests.admin.world import World, build, person, read_with_a_reason
from tests.lifecycle.test_bad_input_elsewhere import refused

SESSIONS = "/api/v1/access-sessions/"
WHY = {"reason": "ticket 4711: latency"}


@pytest.fixture
def world(shipped: None) -> World:
    return build()


def reads(username: str) -> list[tuple[str, str, str]]:
    found = Entry.objects.acts().filter(actor=str(person(username).pk), verb__endswith=".read").order_by("id")
    return list(found.values_list("verb", "object_id", "reason"))


def of(world: World) -> dict[str, str]:
    return {"scope_type": "tenant", "scope_id": str(world.tenant.pk), **WHY}


@pytest.mark.parametrize("username", ["priya", "kiran"])
def test_a_tenant_is_read_once_a_reason_is_given(api: Any, world: World, username: str) -> None:
    client, url = api(username), f"/api/v1/tenants/{world.tenant.pk}/"
    problem = refused(client.get(url), 403)
    assert problem["type"].endswith("access-session-needed") and problem["open_at"] == SESSIONS
    assert {"scope_type": "tenant", "scope_id": str(world.tenant.pk)} in problem["scopes"]
    assert not reads(username)
    assert client.post(SESSIONS, of(world)).status_code == 201
    for _ in range(3):
        assert client.get(url).json()["cost_centre"] == "CC-1"
    assert reads(username) == [("tenant.read", str(world.tenant.pk), WHY["reason"])], "once, with the reason"
    assert client.get(f"/api/v1/tenants/{world.foreign.pk}/").status_code == 403


def test_it_ends_by_itself_and_by_hand(api: Any, world: World) -> None:
    client, url = api("priya"), f"/api/v1/tenants/{world.tenant.pk}/"
    session = client.post(SESSIONS, of(world)).json()
    assert client.get(url).status_code == 200
    assert client.post(f"{SESSIONS}{session['id']}/ending/", WHY).json()["is_live"] is False
    assert client.get(url).status_code == 403
    past = {"opened_at": now() - timedelta(hours=2), "expires_at": now() - timedelta(hours=1), "ended_at": None}
    AccessSession.objects.filter(pk=session["id"]).update(**past)
    assert client.get(url).status_code == 403


@pytest.mark.parametrize(
    "change",
    [
        {"reason": " "},
        {"scope_type": "global", "scope_id": ""},
        {"scope_id": "00000000-0000-4000-8000-000000000000"},
        {"scope_id": "x"},
        {"minutes": 481},
        {"minutes": 0},
    ],
)
def test_a_session_says_why_and_for_what(api: Any, world: World, change: dict[str, Any]) -> None:
    refused(api("priya").post(SESSIONS, of(world) | change), 422)
    assert not AccessSession.objects.exists()


def test_only_who_runs_the_platform_opens_one(api: Any, world: World) -> None:
    for username in ("meera", "nadia", "oliver", "farah", "vikram"):
        refused(api(username).post(SESSIONS, of(world)), 403)


def test_lists_show_the_registry_and_no_more(api: Any, world: World) -> None:
    client = api("priya")
    row = client.get("/api/v1/tenants/?name=finance-notes").json()["results"][0]
    assert row["status"] == "active" and "cost_centre" not in row and "owner" not in row
    read_with_a_reason("priya", "FIN")
    row = client.get("/api/v1/tenants/?name=finance-notes").json()["results"][0]
    assert row["owner"] == "meera"


def test_another_role_or_ones_own_name_needs_none(api: Any, world: World) -> None:
    Grant.objects.create(
        user=person("priya"), role="tenant_admin", scope_type="business_unit", scope_id="FIN", granted_by="t"
    )
    client = api("priya")
    assert client.get(f"/api/v1/tenants/{world.tenant.pk}/").status_code == 200
    assert client.get(f"/api/v1/tenants/{world.foreign.pk}/").status_code == 403


def test_the_console_asks_and_goes_on(page: Callable[[str], Any], world: World) -> None:
    client, path = page("priya"), f"/tenants/{world.tenant.pk}/"
    asked = client.get(path)
    assert asked.status_code == 403 and "Why do you need this?" in asked.content.decode()
    assert "CC-1" not in asked.content.decode() and client.get(path + "history/").status_code == 403
    given = {"next": path, "scope": f"tenant:{world.tenant.pk}", "offered": [f"tenant:{world.tenant.pk}"]}
    empty = client.post("/reason/", {**given, "reason": " "})
    assert empty.status_code == 422 and not AccessSession.objects.exists()
    gone_on = client.post("/reason/", {**given, **WHY})
    assert gone_on.status_code == 302 and gone_on.headers["Location"] == path
    assert "CC-1" in client.get(path).content.decode()
    assert client.get(f"/tenants/{world.foreign.pk}/").status_code == 403
    assert client.post("/reason/", {**given, **WHY, "next": "https://evil.example/"}).headers["Location"] == "/"


def test_a_platform_connection_needs_a_reason_too(api: Any, world: World) -> None:
    place = f"/api/v1/tenants/{world.tenant.pk}/access-tokens/"
    assert api("priya").post(place, {}).status_code == 403
    assert api("meera").post(place, {}).status_code == 201


@pytest.mark.parametrize("username", ["oliver", "farah", "thomas"])
def test_every_read_of_a_supervisor_is_written_down(
    api: Any, page: Callable[[str], Any], world: World, username: str
) -> None:
    client, browser = api(username), page(username)
    tenant = str(world.tenant.pk)
    for path in (f"/api/v1/tenants/{tenant}/", "/api/v1/tenants/", f"/api/v1/approvals/{world.case.pk}/"):
        before = len(reads(username))
        assert client.get(path).status_code == 200
        assert len(reads(username)) == before + 1, path
        assert client.get(path).status_code == 200
        assert len(reads(username)) == before + 1, "once a quarter of an hour"
    for path in (
        "/",
        "/tenants/",
        "/tenants/export.csv",
        f"/tenants/{tenant}/",
        f"/requests/{world.request.pk}/history/",
    ):
        before = len(reads(username))
        assert browser.get(path).status_code == 200
        assert len(reads(username)) == before + 1, path
    assert Entry.objects.acts().filter(verb="audit.read", tenant_id=tenant).exists()


def test_without_the_cache_every_read_is_written(world: World, settings: Any) -> None:
    settings.CACHES = {"default": {**settings.CACHES["default"], "LOCATION": "redis://127.0.0.1:1/0"}}
    for _ in range(2):
        note_read(Actor.of_user(person("oliver")), world.incident)
    assert len(reads("oliver")) == 2


def test_tenants_own_people_are_not_followed(api: Any, world: World) -> None:
    assert api("meera").get(f"/api/v1/tenants/{world.tenant.pk}/").status_code == 200
    assert not reads("meera")
    cache.clear()
