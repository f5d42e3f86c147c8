"""A change of tier over REST and as pages, and what a real client of the registry then knows."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from bailiwick_client import Registry
from django.test import Client

from lifecycle.tierchanges.models import TierChange
from portal.access.actor import Actor
from portal.lib.clock import now
from tenants import actions as registry
from tenants.models import Tenant, Tier
from tenants.registry import door
from tests.admin.world import person
from tests.registry.conftest import service_key

from .made import USE, approved, asked
from .test_states import put

pytestmark = pytest.mark.django_db
AT = "/api/v1/tier-changes/"


def body(tenant: Tenant, **more: Any) -> dict[str, Any]:
    return {"tenant_id": str(tenant.pk), "tier": "platinum", "justification": "Year end.", **USE, **more}


def test_what_it_would_cost_and_who_signs(api: Any, mine: Tenant) -> None:
    given = body(mine)
    del given["justification"]
    said = api("meera").post(f"{AT}estimate/", given).json()
    assert (said["monthly_inr"], said["yearly_inr"]) == ("92500.00", "1110000.00")
    assert [one["role"] for one in said["signatures"]] == ["cfo", "cto"]
    assert {"label": "Queries a day", "before": 20000, "after": 50000} in said["changes"]
    assert not TierChange.objects.exists()


def test_from_asking_to_withdrawing(api: Any, mine: Tenant) -> None:
    meera = api("meera")
    made = meera.post(AT, body(mine, ends_on="2099-01-01"))
    assert (made.status_code, made.json()["state"]) == (201, "pending_approval")
    at = f"{AT}{made.json()['id']}/"
    assert meera.get(AT, {"state": "pending_approval"}).json()["count"] == 1
    assert api("arjun").get(at).status_code == 404
    assert api("nadia").post(f"{at}cancellation/", {"reason": "x"}).status_code == 403
    assert meera.post(f"{at}cancellation/", {"reason": "too dear"}).json()["state"] == "cancelled"


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"surprise": 1}, 422),
        ({"tier": "nosuch"}, 422),
        ({"tier": "gold"}, 422),
        ({"tier": "bronze"}, 422),
        ({"starts_on": "2020-01-01"}, 422),
        ({"ends_on": "soon"}, 422),
        ({"ends_on": "2020-01-01"}, 422),
        ({"expected_users": 0}, 422),
        ({"expected_users": 10**12}, 422),
        ({"budget_inr": "1e9"}, 422),
        ({"justification": ""}, 422),
        ({"tenant_id": str(uuid4())}, 404),
        ({"tenant_id": "x"}, 422),
    ],
)
def test_a_body_of_another_shape_changes_nothing(api: Any, mine: Tenant, change: dict[str, Any], status: int) -> None:
    for at in (AT, f"{AT}estimate/"):
        answer = api("meera").post(at, {**body(mine), **change})
        assert answer.status_code in (status, 422), answer.content
        assert answer.headers["Content-Type"] == "application/problem+json"
    assert not TierChange.objects.exists()


def test_the_pages_say_it_in_money(client: Client, mine: Tenant) -> None:
    client.force_login(person("meera"))
    assert f"/tier-changes/new/?tenant={mine.pk}" in client.get(f"/tenants/{mine.pk}/").content.decode()
    typed = {"tenant": mine.pk, "tier": "platinum", "ends_on": "2099-01-01", "justification": "Year end.", **USE}
    shown = client.post("/tier-changes/new/estimate/", typed).content.decode()
    assert "₹11.1 L" in shown and "₹2,05,000.00 then" in shown and "50,000" in shown
    made = client.post("/tier-changes/new/", typed)
    change = TierChange.objects.get()
    assert made.status_code == 302 and made.headers["Location"] == f"/tier-changes/{change.pk}/"
    page = client.get(f"/tier-changes/{change.pk}/").content.decode()
    assert "Waits for signatures" in page and "₹11.1 L" in page and page.count("button primary") == 0
    assert client.post("/tier-changes/new/", typed).status_code == 409
    client.force_login(person("vikram"))
    signing = client.get(f"/approvals/{change.case_id}/").content.decode()
    assert "Sign ₹11.1 L" in signing and "2099-01-01" in signing and "What changes" in signing


def test_a_conflict_asks_one_thing(client: Client, mine: Tenant) -> None:
    change = asked(mine, ends_on=now().date() + timedelta(days=5))
    put(change, "return_conflict")
    client.force_login(person("meera"))
    page = client.get(f"/tier-changes/{change.pk}/").content.decode()
    assert "the tier has changed since" in page and page.count('<button class="button primary"') == 1
    done = client.post(f"/tier-changes/{change.pk}/do/keep/", {"verb": "keep", "reason": "fine"}, follow=True)
    assert "Left as it is." in done.content.decode()


def test_a_client_of_the_registry_knows_the_new_limits(mine: Tenant) -> None:
    """The client's own code against the door's own answers; only the wire between them is short."""
    registry.restrict(mine.pk, actor=Actor.system("test"), reason="first", restricted=False)
    key = service_key()

    def wire(request: httpx.Request) -> httpx.Response:
        target = request.url.query.decode()
        status, headers, said = door.answer("GET", request.url.path, target, request.headers["authorization"])
        return httpx.Response(status, headers=dict(headers), content=said)

    service = Registry("http://portal.test", lambda: key, follows=False)
    service._http = httpx.Client(base_url="http://portal.test", transport=httpx.MockTransport(wire))
    gold = service.tenant(str(mine.pk)).limits.max_queries_per_day
    approved(asked(mine))
    assert gold == Tier.objects.get(pk="gold").max_queries_per_day
    assert service.tenant_now(str(mine.pk)).limits.max_queries_per_day == 50_000
    service.close()
