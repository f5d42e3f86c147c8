"""The REST door of inbox and webhooks."""

from datetime import timedelta

import pytest
from rest_framework.test import APIClient

from portal.access.actions import issue_token
from portal.notify import actions, schedule
from tests.approvals.people import act, person

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.notify.urls")]


def browser(user):
    client = APIClient()
    client.force_login(user)
    return client


def test_inbox():
    one, two = person("one"), person("two")
    for n in range(3):
        actions.notify("job.failed", users=[one], title=f"News {n}")
    client = browser(one)
    listed = client.get("/api/v1/notifications/", {"unread": "true"}).json()
    assert listed["count"] == 3
    first = listed["results"][0]["id"]
    assert browser(two).post(f"/api/v1/notifications/{first}/read/").status_code == 404
    assert client.get(f"/api/v1/notifications/{first}/").json()["read_at"] is None, "reading the page marks nothing"
    assert client.post(f"/api/v1/notifications/{first}/read/").json()["read_at"]
    assert client.post("/api/v1/notifications/read-all/").json() == {"marked": 2}
    assert client.get("/api/v1/notifications/", {"unread": "true"}).json()["count"] == 0
    assert client.get("/api/v1/notifications/", {"colour": "x"}).status_code == 422
    assert client.get("/api/v1/notifications/nope/").status_code == 404
    assert APIClient().get("/api/v1/notifications/").status_code == 401


def test_a_token_opens_no_inbox():
    one = person("one", "platform_admin")
    _, credential = issue_token(
        actor=act(one), user=one, label="x", scopes=["webhook.read"], life=timedelta(days=1), reason="x"
    )
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {credential}")
    assert client.get("/api/v1/notifications/").status_code == 403
    assert client.get("/api/v1/webhooks/").status_code == 200
    assert (
        client.post("/api/v1/webhooks/", {"name": "x", "url": "https://example.com", "reason": "x"}).status_code == 403
    )


def test_webhooks(receiver):
    admin = browser(person("adi", "platform_admin"))
    url = "/api/v1/webhooks/"
    made = admin.post(url, {"name": "ops", "url": f"{receiver.url}/h", "events": ["approval.*"], "reason": "Ops room."})
    assert made.status_code == 201
    body = made.json()
    assert body["secret"].startswith("whsec_")
    assert (body["shown_target"], body["routes"][0]["event"]) == ("127.0.0.1", "approval.*")
    one = f"{url}{body['id']}/"
    shown = admin.get(one).json()
    assert "secret" not in shown
    assert receiver.url not in str(shown)
    assert admin.post(f"{one}test/").status_code == 202
    schedule.deliver()
    assert admin.get(f"{one}deliveries/").json()[0]["state"] == "delivered"
    assert admin.post(f"{one}secret/", {"reason": "Rotate."}).json()["secret"] != body["secret"]
    assert admin.post(f"{one}routes/", {"event": "job.failed", "reason": "x"}).status_code == 201
    assert admin.post(f"{one}routes/{body['routes'][0]['id']}/removal/", {"reason": "x"}).status_code == 201
    assert [r["event"] for r in admin.get(one).json()["routes"]] == ["job.failed"]
    assert admin.post(f"{one}stop/", {"reason": "Over."}).json()["is_active"] is False
    assert admin.post(f"{one}test/").status_code == 409
    assert browser(person("eng", "platform_engineer")).get(url).status_code == 200
    assert (
        browser(person("eng2", "platform_engineer"))
        .post(url, {"name": "y", "url": "https://e.com", "reason": "x"})
        .status_code
        == 403
    )
    assert browser(person("cfo", "cfo")).get(url).status_code == 403


GOOD = {"name": "x", "url": "https://example.com", "reason": "x"}
BAD = [
    {},
    {"name": "x", "reason": "x"},
    GOOD | {"url": "https://127.0.0.1/"},
    GOOD | {"url": "http://example.com"},
    GOOD | {"kind": "pigeon"},
    {"name": "x", "kind": "mail", "reason": "x"},
    GOOD | {"events": ["nonsense"]},
    GOOD | {"events": "all"},
    GOOD | {"colour": 1},
    {"name": "x", "kind": "pagerduty", "routing_key": "short", "reason": "x"},
    GOOD | {"kind": "jira"},
    GOOD | {"kind": "jira", "token": "t", "project": "OPS", "email": "nobody"},
]


@pytest.mark.parametrize("body", BAD)
def test_bad_webhooks_create_nothing(body):
    admin = browser(person("adi", "platform_admin"))
    assert admin.post("/api/v1/webhooks/", body).status_code == 422
    assert admin.get("/api/v1/webhooks/").json()["count"] == 0
