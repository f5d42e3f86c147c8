"""To a stranger somebody else's object is one that is not there: same status, same words, same headers, same lists."""

import re
from datetime import UTC, datetime
from typing import Any

import pytest
import time_machine
from rest_framework.test import APIClient

from . import crowd, routes
from .cells import ask_api, ask_console
from .routes import Door
from .scene import Scene

VARIES = {"X-Request-Id", "Content-Length", "Set-Cookie", "Expires"}
REFUSED = {401, 403, 404}
STRANGERS = {"admin@FIN": "other", "viewer@FIN": "other", "admin@HR": "own"}
CSRF = re.compile(r'name="csrfmiddlewaretoken" value="\w+"')


@pytest.fixture
def scene(shipped: None) -> Scene:
    crowd.gather()
    return Scene()


def seen(answer: Any, key: str, scene: Scene) -> tuple[int, dict[str, str], str]:
    """What a stranger could tell two answers apart by, without the id they sent."""
    headers = {name: value for name, value in answer.headers.items() if name not in VARIES}
    text = CSRF.sub("", answer.shown)
    for one in (key, scene.below.get(key, key)):
        text = text.replace(f"/{one}/", "/id/") if one.isdigit() else text.replace(one, "id")
    return answer.status_code, headers, text


def told_apart(doors: list[Door], clients: dict[str, Any], ask: Any, scene: Scene) -> list[str]:
    found = []
    for door in doors:
        keys = scene.of(door)
        for name, foreign in STRANGERS.items():
            if foreign in keys and "absent" in keys and len(keys) > 2:
                one, none = (ask(clients[name], door, keys[which], scene) for which in (foreign, "absent"))
                if one.status_code not in REFUSED or seen(one, keys[foreign], scene) != seen(
                    none, keys["absent"], scene
                ):
                    found.append(f"{name}: {door.method} {door.route} {one.status_code} {none.status_code}")
    return found


def test_at_every_door_of_the_api(scene: Scene) -> None:
    doors = [door for door in routes.api() if door.answers and door.is_about_one]
    assert not told_apart(doors, crowd.through_the_api(), ask_api, scene)


def test_at_every_page_and_verb(scene: Scene) -> None:
    doors = [door for door in routes.console() if door.is_about_one]
    assert not told_apart(doors, crowd.through_the_console(), ask_console, scene)


FILTERS = [
    ("/api/v1/tenants/?business_unit={}", "tenants.businessunit"),
    ("/api/v1/tenant-requests/?business_unit={}", "tenants.businessunit"),
    ("/api/v1/jobs/?business_unit={}", "tenants.businessunit"),
    ("/api/v1/approvals/?business_unit={}", "tenants.businessunit"),
    ("/api/v1/jobs/?tenant_id={}", "tenants.tenant"),
    ("/api/v1/approvals/?tenant_id={}", "tenants.tenant"),
    ("/api/v1/validations/?tenant_id={}", "tenants.tenant"),
    ("/api/v1/verdicts/?tenant_id={}", "tenants.tenant"),
    ("/api/v1/incidents/?tenant_id={}", "tenants.tenant"),
    ("/api/v1/validations/?request={}", "lifecycle.tenantrequest"),
    ("/tenants/?business_unit__code__exact={}", "tenants.businessunit"),
    ("/requests/?business_unit__code__exact={}", "tenants.businessunit"),
]


def test_by_no_filter(scene: Scene, api: Any) -> None:
    client = api("meera")
    for url, kind in FILTERS:
        keys = scene.kind(kind)
        with time_machine.travel(datetime.now(UTC), tick=False):  # a page says how long ago
            one, none = (client.get(url.format(keys[which])) for which in ("other", "absent"))
        assert one.status_code == none.status_code == 200, url
        texts = [
            answer.content.decode().replace(keys[which], "id") for answer, which in ((one, "other"), (none, "absent"))
        ]
        assert CSRF.sub("", texts[0]) == CSRF.sub("", texts[1]), url
    for path in ("/tenants/", "/requests/"):
        assert "Human Resources" not in client.get(path).content.decode(), "a filter offers what is not theirs"


def test_a_refusal_comes_before_a_word_about_the_shape(scene: Scene) -> None:
    """Who is refused with a good body is refused with a bad one just the same."""
    clients: dict[str, APIClient] = crowd.through_the_api()
    found = []
    for door in routes.api():
        if not door.answers or door.method not in ("POST", "PATCH") or not door.route.startswith("/api/v1/"):
            continue
        for name in ("viewer@FIN", "admin@HR", "auditor", "cfo", "token"):
            key = next(iter(scene.of(door).values()))
            good = ask_api(clients[name], door, key, scene).status_code
            if good in REFUSED and not (door.in_body and name == "admin@HR"):
                bad = ask_api(clients[name], door, key, scene, {"nonsense": [1]}).status_code
                found += [f"{name}: {door.method} {door.route} {good} {bad}"] if bad != good else []
    assert not found
