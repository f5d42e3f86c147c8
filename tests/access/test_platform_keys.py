"""The platform's API keys end with the account that had them made, on every platform and for good."""

import json
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import jwt as pyjwt
import pytest

from portal.access import actions
from portal.access.actor import Actor
from portal.access.models import User
from portal.audit.models import Entry
from portal.embedded.stack import Stack
from portal.jobs import outbox
from portal.jobs.models import Delivery
from portal.lib.clock import now
from tenants import actions as tenant_actions
from tenants import connect
from tests.admin.world import tenant

PRIYA_SAYS = "Left the company."


class Platform(ThreadingHTTPServer):
    """The platform's door for keys: notes what is asked, answers as told."""

    status = 200

    def __init__(self) -> None:
        asked: list[tuple[str, dict[str, Any]]] = []

        class Door(BaseHTTPRequestHandler):
            def do_DELETE(self) -> None:
                token = self.headers["Authorization"].removeprefix("Bearer ")
                query = parse_qs(urlsplit(self.path).query)
                claims = pyjwt.decode(token, options={"verify_signature": False})
                asked.append((query["issued_by"][0], claims))
                refused = {"type": connect.NOT_ACTIVE, "detail": "Refused: the tenant is suspended."}
                body = json.dumps(refused if self.server.status == 403 else {"revoked": 1}).encode()  # type: ignore[attr-defined]
                self.send_response(self.server.status)  # type: ignore[attr-defined]
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: Any) -> None:
                pass

        super().__init__(("127.0.0.1", 0), Door)
        self.asked = asked


@pytest.fixture
def platform(stack: Stack, settings: Any, tmp_path: Any) -> Iterator[Platform]:
    running = Platform()
    Thread(target=running.serve_forever, args=(0.02,), daemon=True).start()
    regions = json.loads(stack.home.regions_file.read_text())
    for region in regions.values():
        region["platform"]["url"] = f"http://127.0.0.1:{running.server_port}"
    settings.REGIONS_FILE = tmp_path / "regions.json"
    settings.REGIONS_FILE.write_text(json.dumps(regions))
    yield running
    running.shutdown()
    running.server_close()


def disable(username: str) -> User:
    user = User.objects.get(username=username)
    priya = Actor.of_user(User.objects.get(username="priya"))
    return actions.disable(user.pk, actor=priya, reason=PRIYA_SAYS)


def test_keys_end_at_once_and_again_after_the_last_token(
    platform: Platform, meera: User, time_machine: Any, shipped: None
) -> None:
    own = tenant("own-notes", "FIN", "meera")
    connect.access_token(own.pk, actor=Actor.of_user(meera), scopes=["admin"])
    disable("meera")
    while outbox.deliver_due():
        pass
    [(issuer, claims)] = platform.asked
    assert issuer == str(meera.pk) and claims["tenant"] == str(own.pk) and "admin" in claims["scope"].split()
    assert Entry.objects.get(verb="tenant.keys_revoked").tenant_id == own.pk
    time_machine.move_to(now() + timedelta(minutes=16, seconds=1))
    while outbox.deliver_due():
        pass
    assert len(platform.asked) == 2


def test_a_platform_that_is_away_is_asked_again(platform: Platform, meera: User, time_machine: Any) -> None:
    own = tenant("own-notes", "FIN", "meera")
    connect.access_token(own.pk, actor=Actor.of_user(meera), scopes=["read"])
    disable("meera")
    platform.status = 503
    while outbox.deliver_due():
        pass
    assert Delivery.objects.filter(event__event="platform_keys.orphaned", attempts=1, state="pending").count() == 1
    platform.status = 200
    time_machine.move_to(now() + timedelta(seconds=5))
    while outbox.deliver_due():
        pass
    assert Entry.objects.filter(verb="tenant.keys_revoked").exists()


def test_a_suspended_tenants_keys_end_soon_after_it_comes_back(
    platform: Platform, meera: User, time_machine: Any
) -> None:
    own = tenant("own-notes", "FIN", "meera")
    connect.access_token(own.pk, actor=Actor.of_user(meera), scopes=["read"])
    tenant_actions.suspend(own.pk, actor=Actor.system("test"), reason="unpaid")
    disable("meera")
    platform.status = 403
    for _ in range(12):  # longer than the outbox's own patience
        while outbox.deliver_due():
            pass
        time_machine.move_to(now() + timedelta(minutes=5, seconds=1))
    assert not Delivery.objects.filter(state="dead").exists()
    platform.status = 200
    while outbox.deliver_due():
        pass
    assert Entry.objects.filter(verb="tenant.keys_revoked").exists()


def test_who_connected_nothing_costs_nothing(platform: Platform, shipped: None) -> None:
    disable("arjun")
    while outbox.deliver_due():
        pass
    assert platform.asked == []


def test_no_new_token_for_a_disabled_account(platform: Platform, bearing: Any, meera: User) -> None:
    own = tenant("own-notes", "FIN", "meera")
    _, credential = actions.issue_token(
        actor=Actor.of_user(meera),
        user=meera,
        label="x",
        scopes=["tenant.read", "tenant.write"],
        life=timedelta(days=1),
        reason="x",
    )
    place = f"/api/v1/tenants/{own.pk}/access-tokens/"
    client = bearing(credential)
    assert client.post(place, {}).status_code == 201
    disable("meera")
    assert client.post(place, {}).status_code == 401


def test_a_platform_that_does_not_answer_is_an_error(settings: Any, stack: Stack, tmp_path: Any, meera: User) -> None:
    own = tenant("own-notes", "FIN", "meera")
    regions = json.loads(stack.home.regions_file.read_text())
    regions[own.region]["platform"]["url"] = "http://127.0.0.1:1"
    settings.REGIONS_FILE = tmp_path / "regions.json"
    settings.REGIONS_FILE.write_text(json.dumps(regions))
    with pytest.raises(httpx.HTTPError):
        connect.revoke_keys_of(meera.pk, own.pk)
