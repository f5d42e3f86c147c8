"""Issues in Jira: one per message whatever happens on the way, and found again from the request they are about."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from portal.lib.clock import now
from portal.lib.errors import Conflict, Invalid
from portal.notify import actions, queries, schedule, subscribers
from portal.notify.adapters import CHECK, SEND, Outcome
from portal.notify.models import Channel, Delivery
from portal.notify.seal import unseal
from tests.approvals.people import SYSTEM, person

from .jira_site import TOKEN, JiraSite
from .test_adapters import MESSAGE

GOOD = {"url": "https://acme.atlassian.net", "email": "bot@acme.test", "token": "t", "project": "OPS"}


@pytest.fixture(params=["cloud", "data center"])
def jira(request: Any, settings: Any) -> Iterator[JiraSite]:
    settings.NOTIFY_ALLOW_PRIVATE_ADDRESSES = True
    running = JiraSite(is_cloud=request.param == "cloud").start()
    yield running
    running.stop()


def send(site: JiraSite, message: Any = MESSAGE, **more: str) -> Outcome:
    return SEND["jira"](CHECK["jira"](site.target | more), message)


def test_an_issue_says_what_the_message_says(jira):
    outcome = send(jira)
    assert (outcome.is_delivered, outcome.status, outcome.link) == (True, 201, f"{jira.url}/browse/OPS-1")
    fields = jira.issues[0]["fields"]
    assert (fields["issuetype"], fields["summary"]) == ({"name": "Task"}, MESSAGE.title)
    assert fields["labels"] == ["bailiwick", f"bailiwick-{MESSAGE.id}"]
    assert fields["description"] == f"*Amount*: ₹12,00,000.00 a year\n{MESSAGE.url}"
    assert "Asha" not in str(fields), "no person leaves the house"


def test_an_attempt_whose_answer_was_lost_makes_no_second_issue(jira):
    jira.lost = 1
    first = send(jira)
    assert (first.is_delivered, first.is_final, first.retry_after) == (False, False, 60.0), "until the search knows it"
    again = send(jira)
    assert (again.is_delivered, again.link) == (True, f"{jira.url}/browse/OPS-1")
    assert (len(jira.issues), jira.calls) == (1, ["search", "create", "search"])


def test_another_message_is_another_issue(jira):
    send(jira)
    send(jira, replace(MESSAGE, id="01890000-0000-7000-8000-000000000002"))
    assert len(jira.issues) == 2


@pytest.mark.parametrize("call", ["search", "create"])
@pytest.mark.parametrize(
    ("status", "headers", "is_final", "pause"),
    [
        (429, {"Retry-After": "90"}, False, 90.0),
        (400, {}, True, None),
        (401, {}, True, None),
        (403, {}, True, None),
        (404, {}, True, None),
    ],
)
def test_what_a_refusal_means(jira, call, status, headers, is_final, pause):
    jira.refusals = {call: (status, headers)}
    outcome = send(jira)
    assert (outcome.is_delivered, outcome.status) == (False, status)
    assert (outcome.is_final, outcome.retry_after) == (is_final, pause)
    assert (jira.calls[-1], jira.issues) == (call, [])


def test_a_server_in_trouble_is_asked_again(jira):
    jira.refusals = {"search": (503, {"Retry-After": "7"})}
    assert send(jira) == Outcome(False, "HTTP 503", 503, 7.0)
    assert send(jira).is_delivered


@pytest.mark.parametrize("says", [b"<html>Sign in</html>", b"[]", b'{"issues": null}', b'{"issues": [' + b" " * 70_000])
def test_nothing_is_created_after_a_search_that_was_not_answered(jira, says):
    """A page to sign in on, with status 200: whoever creates now may create twice."""
    jira.says = says
    outcome = send(jira)
    assert (outcome.is_delivered, outcome.is_final, jira.issues) == (False, False, [])


def test_a_wrong_token_or_project_is_given_up(jira):
    assert send(jira, token="wrong").is_final
    assert send(jira, project="ELSE").is_final
    assert jira.issues == []


def test_text_stays_text(jira):
    """Jira's wiki would make a link, a picture or a macro of it."""
    send(jira, replace(MESSAGE, details=[("About", "[pay|http://evil] !x.png! {html}")]))
    said = jira.issues[0]["fields"]["description"]
    assert r"\[pay\|http://evil\] \!x.png\! \{html\}" in said


def test_a_redirect_is_not_followed_with_the_token(jira, receiver):
    jira.refusals = {"create": (302, {"Location": f"{receiver.url}/steal"})}
    assert (send(jira).is_delivered, receiver.received) == (False, [])


@pytest.mark.parametrize(
    "bad",
    [
        {"url": ""},
        {"url": "http://acme.atlassian.net"},
        {"url": "https://10.0.0.1"},
        {"url": "https://acme.atlassian.net/?x=1"},
        {"token": ""},
        {"token": "a\r\nX-Evil: 1"},
        {"token": "ключ"},
        {"email": "a:b"},
        {"project": "ops and more"},
        {"project": 'X" OR 1'},
        {"issue_type": "x" * 61},
    ],
)
def test_targets_that_are_refused(bad):
    CHECK["jira"](GOOD)
    with pytest.raises(Invalid):
        CHECK["jira"](GOOD | bad)


def test_a_name_that_resolves_inside_is_refused(jira, settings):
    target = CHECK["jira"](jira.target)
    settings.NOTIFY_ALLOW_PRIVATE_ADDRESSES = False
    assert SEND["jira"](target, MESSAGE).error == "Not sent: the address is not a public one."
    assert jira.calls == []


# -- through the house -----------------------------------------------------------------------------------------------
def tracker(jira: JiraSite) -> Channel:
    given = {"name": "Jira", "kind": "jira", "target": jira.target, "events": ["ticket.opened"], "reason": "t"}
    return actions.create_channel(actor=SYSTEM, **given)[0]


@pytest.mark.django_db
def test_a_ticket_reaches_jira_once_and_its_issue_is_found_again(jira, time_machine):
    time_machine.move_to(now())
    person("eng", "platform_engineer")
    tracker(jira)
    jira.lost = 1
    opened = {"request_id": "01890000-0000-7000-8000-000000000003", "reference": "MAN-1", "items": ["Sign", "Reserve"]}
    for _ in range(2):
        subscribers.ticket_opened(opened)
    schedule.deliver()
    assert queries.issues_of("ticket.opened:MAN-1") == []
    time_machine.move_to(now() + timedelta(seconds=59))
    schedule.deliver()
    assert jira.calls == ["search", "create"]
    time_machine.move_to(now() + timedelta(seconds=2))
    schedule.deliver()
    assert queries.issues_of("ticket.opened:MAN-1") == [("OPS-1", f"{jira.url}/browse/OPS-1")]
    assert len(jira.issues) == 1
    assert "*To do 1*: Sign\n*To do 2*: Reserve" in jira.issues[0]["fields"]["description"]


@pytest.mark.django_db
def test_the_token_is_sealed_and_can_be_replaced(jira):
    channel = tracker(jira)
    assert TOKEN.encode() not in bytes(channel.sealed_target)
    assert channel.shown_target == "127.0.0.1"
    _, shown = actions.new_channel_secret(channel.pk, actor=SYSTEM, reason="It ends.", token="next")
    channel.refresh_from_db()
    kept = unseal(channel.sealed_target)
    assert (shown, kept["token"], kept["project"]) == ("", "next", "OPS")
    with pytest.raises(Invalid):
        actions.new_channel_secret(channel.pk, actor=SYSTEM, reason="It ends.")


@pytest.mark.django_db
def test_a_stopped_tracker_gives_up_what_was_on_its_way(jira):
    channel = tracker(jira)
    actions.send_test(channel.pk, actor=SYSTEM)
    actions.stop_channel(channel.pk, actor=SYSTEM, reason="Over.")
    with pytest.raises(Conflict):
        actions.send_test(channel.pk, actor=SYSTEM)
    assert Delivery.objects.get().state == "failed"


@pytest.mark.django_db
@pytest.mark.urls("portal.urls")
def test_a_channel_is_added_in_the_console(jira, client):
    client.force_login(person("adi", "platform_admin"))
    typed = {
        "name": "Jira",
        "kind": "jira",
        "events": "ticket.opened incident.*",
        "min_severity": "info",
        "reason": "t",
    }
    refused = client.post("/channels/new/", typed | jira.target | {"project": "no such key"})
    assert (refused.status_code, TOKEN in refused.content.decode()) == (422, False)
    assert client.post("/channels/new/", typed | jira.target).status_code == 302
    assert [route.event for route in Channel.objects.get().routes.all()] == ["incident.*", "ticket.opened"]
