"""Who may read what: every GET of the API × every demo role, against the pinned `matrix.json`.

A new route without an expectation fails. After a deliberate change, look at what differs and write it down with
`BAILIWICK_PIN=1 pytest tests/access/test_matrix.py`.
"""

import json
import os
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from rest_framework.test import APIClient

from compliance.models import Profile, ProviderRegion, ResidencyRule
from portal.access.demo import PEOPLE
from portal.access.models import Grant
from portal.api_urls import router
from portal.approvals.models import Rule
from tests.admin.world import World, build
from tests.lifecycle.test_bad_input_elsewhere import _with_places

PINNED = Path(__file__).with_name("matrix.json")
NOBODY = "nobody"


def reading_doors() -> list[str]:
    """Every GET of every route, ids left as `{…}`."""
    found = set()
    for route in router.urls:
        if "get" in route.callback.actions:  # type: ignore[union-attr]
            found.add("/api/v1/" + _with_places(str(route.pattern).removeprefix("^").removesuffix("$")))
    return sorted(found)


def subjects(world: World) -> dict[str, str]:
    """An object of Finance for every kind that the world has one of."""
    grant = Grant.objects.filter(user__username="nadia").first()
    return {
        "tenants": str(world.tenant.pk),
        "tenant-requests": str(world.request.pk),
        "approvals": str(world.case.pk),
        "jobs": str(world.running.pk),
        "validations": str(world.run.pk),
        "incidents": str(world.incident.pk),
        "notifications": str(world.notice.pk),
        "tiers": "gold",
        "business-units": "FIN",
        "users": str(grant.user_id) if grant else "",
        "grants": str(grant.pk) if grant else "",
        "approval-rules": str(Rule.objects.values_list("rule_id", flat=True)[0]),
        "residency-rules": str(ResidencyRule.objects.values_list("pk", flat=True)[0]),
        "provider-regions": str(ProviderRegion.objects.values_list("pk", flat=True)[0]),
        "compliance-profiles": str(Profile.objects.values_list("pk", flat=True)[0]),
    }


def seen(client: APIClient, url: str) -> str:
    """The status, and for lists how many rows."""
    answer = client.get(url)
    assert answer.status_code < 500, (url, answer.content[:300])
    counted = answer.json().get("count") if answer.status_code == 200 and isinstance(answer.json(), dict) else None
    return str(answer.status_code) if counted is None else f"{answer.status_code} {'some' if counted else 'none'}"


def matrix(api: Any, world: World) -> dict[str, dict[str, str]]:
    ids = subjects(world)
    found: dict[str, dict[str, str]] = {}
    clients = {person["username"]: api(person["username"]) for person in PEOPLE} | {NOBODY: APIClient()}
    for url in reading_doors():
        kind = url.split("/")[3]
        places = {
            "pk": ids.get(kind, str(uuid4())),
            "rule_id": ids["approval-rules"],
            "role": "cfo",
            "region": "ap-south-1",
        }
        found[url] = {name: seen(client, url.format(**places)) for name, client in clients.items()}
    return found


@pytest.fixture
def world(shipped: None) -> World:
    return build()


def test_every_route_for_every_role(api: Any, world: World) -> None:
    found = matrix(api, world)
    if os.environ.get("BAILIWICK_PIN"):
        PINNED.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n")
    pinned = json.loads(PINNED.read_text())
    unpinned = sorted(set(found) - set(pinned))
    assert not unpinned, f"say who may read these, in matrix.json: {unpinned}"
    changed = [
        f"{url} as {name}: pinned {pinned[url].get(name)}, found {status}"
        for url, row in found.items()
        for name, status in row.items()
        if pinned[url].get(name) != status
    ]
    assert not changed, "\n".join(changed)
    assert set(pinned) == set(found), f"no longer there: {sorted(set(pinned) - set(found))}"


def test_strangers_read_nothing() -> None:
    assert {row[NOBODY] for row in json.loads(PINNED.read_text()).values()} == {"401"}


def test_foreign_and_absent_answer_alike(api: Any, world: World) -> None:
    client, foreign = api("meera"), str(world.foreign.pk)
    for url in ("/api/v1/tenants/{}/", "/api/v1/tenants/{}/suspension/", "/api/v1/tenants/{}/access-tokens/"):
        for method, body in (("get", None), ("post", {"reason": "r"})):
            answers = [getattr(client, method)(url.format(pk), body) for pk in (foreign, uuid4())]
            if answers[0].status_code in (405, 422):
                continue
            assert [one.status_code for one in answers] == [404, 404], url
            assert answers[0].json() == answers[1].json(), url
    other = api("arjun")
    for kind, pk in (("tenant-requests", world.request.pk), ("approvals", world.case.pk), ("jobs", world.running.pk)):
        answers = [other.get(f"/api/v1/{kind}/{one}/") for one in (pk, uuid4())]
        assert answers[0].status_code == 404 and answers[0].json() == answers[1].json(), kind
