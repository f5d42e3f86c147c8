"""What each adapter puts on the wire, against a real local server, and where none of them goes."""

import base64
import hashlib
import hmac
import socket
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from portal.lib.errors import Invalid
from portal.notify.adapters import CHECK, SEND, Message, addresses, http, webhook

MESSAGE = Message(
    id="01890000-0000-7000-8000-000000000001",
    event="approval.blocked",
    severity="critical",
    title="Blocked: nobody can sign <finance> & co",
    url="https://portal.test/approvals/1/",
    at=datetime(2026, 11, 21, 9, 30, tzinfo=UTC),
    details=[("Amount", "₹12,00,000.00 a year")],
    body="Written by Asha.",
    asked_by="Asha Rao",
    to="asha@example.test",
)


def test_a_webhook_is_signed_as_the_standard_says(receiver):
    target = CHECK["webhook"]({"url": f"{receiver.url}/hook"})
    outcome = SEND["webhook"](target, MESSAGE)
    assert (outcome.is_delivered, outcome.status) == (True, 204)
    (got,) = receiver.received
    signed = f"{got.headers['webhook-id']}.{got.headers['webhook-timestamp']}.".encode() + got.body
    key = base64.b64decode(target["secret"].removeprefix("whsec_"))
    wanted = "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert (got.headers["webhook-signature"], got.headers["webhook-id"], got.path) == (wanted, MESSAGE.id, "/hook")
    assert got.json["type"] == "approval.blocked"
    assert got.json["data"]["details"] == {"Amount": "₹12,00,000.00 a year"}


def test_the_known_answer_of_the_specification():
    """The example of the Standard Webhooks libraries."""
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    body = b'{"test": 2432232314}'
    found = webhook.signature(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body)
    assert found == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_chat_and_paging_bodies(receiver):
    SEND["slack"]({"url": f"{receiver.url}/slack"}, MESSAGE)
    SEND["teams"]({"url": f"{receiver.url}/teams"}, MESSAGE)
    SEND["pagerduty"](CHECK["pagerduty"]({"url": f"{receiver.url}/pd", "routing_key": "a" * 32}), MESSAGE)
    slack, teams, pager = (got.json for got in receiver.received)
    assert "*Blocked: nobody can sign &lt;finance&gt; &amp; co*" in slack["text"]
    card = teams["attachments"][0]["content"]
    assert (card["type"], card["actions"][0]["url"]) == ("AdaptiveCard", MESSAGE.url)
    assert (pager["event_action"], pager["dedup_key"], pager["payload"]["severity"]) == (
        "trigger",
        MESSAGE.id,
        "critical",
    )
    assert pager["routing_key"] == "a" * 32


def test_no_person_leaves_the_house(receiver):
    for kind in ("webhook", "slack", "teams"):
        SEND[kind](CHECK[kind]({"url": receiver.url}), MESSAGE)
    SEND["pagerduty"]({"url": receiver.url, "routing_key": "a" * 32}, MESSAGE)
    assert len(receiver.received) == 4
    assert not [got for got in receiver.received if b"Asha" in got.body or b"example.test" in got.body]


def test_a_redirect_is_not_followed(receiver):
    receiver.answers = [(302, {"Location": f"{receiver.url}/elsewhere"})]
    outcome = http.post(receiver.url, b"{}", {})
    assert (outcome.is_delivered, outcome.status, len(receiver.received)) == (False, 302, 1)


@pytest.mark.parametrize(
    ("answer", "is_final", "pause"),
    [
        ((410, {}), True, None),
        ((429, {"Retry-After": "90"}), False, 90.0),
        ((500, {}), False, None),
        ((503, {"Retry-After": "soon"}), False, None),
    ],
)
def test_what_an_answer_means(receiver, answer, is_final, pause):
    receiver.answers = [answer]
    outcome = http.post(receiver.url, b"{}", {})
    assert (outcome.is_delivered, outcome.is_final, outcome.retry_after) == (False, is_final, pause)


def test_a_server_that_says_nothing(settings, monkeypatch):
    settings.NOTIFY_ALLOW_PRIVATE_ADDRESSES = True
    monkeypatch.setattr(http, "TIMEOUT", http.httpx.Timeout(0.2))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        outcome = http.post(f"http://127.0.0.1:{silent.getsockname()[1]}/", b"{}", {})
    assert (outcome.is_delivered, outcome.error) == (False, "ReadTimeout")


PRIVATE = [
    "127.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.0", "100.64.0.1", "224.0.0.1",
    "255.255.255.255", "::1", "::", "fe80::1", "fc00::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1",
    "2002:7f00:1::", "ff02::1",
]  # fmt: skip


@pytest.mark.parametrize("address", PRIVATE)
def test_a_private_address_is_refused(address):
    with pytest.raises(addresses.Refused):
        addresses.resolve(address, 443)
    host = f"[{address}]" if ":" in address else address
    with pytest.raises(Invalid):
        addresses.check_url(f"https://{host}/hook")


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700:4700::1111"])
def test_a_public_address_is_accepted(address):
    assert addresses.resolve(address, 443) == address


def test_a_name_that_resolves_inside_is_refused(receiver, settings):
    """What counts is where the name leads, not what it says."""
    settings.NOTIFY_ALLOW_PRIVATE_ADDRESSES = False
    port = receiver.server.server_port
    outcome = http.post(f"http://localhost:{port}/", b"{}", {})
    assert (outcome.is_delivered, outcome.error) == (False, "Not sent: the address is not a public one.")
    assert not receiver.received


@pytest.mark.parametrize(
    "url",
    [
        "",
        "http://example.com/",
        "ftp://example.com",
        "https://",
        "https://user:pw@example.com/",
        "https://example.com/#x",
        "https://exa mple.com/\n",
        "https://[::1",
        "javascript:alert(1)",
        "https://2130706433/",
        "https://0x7f.1/",
    ],
)
def test_addresses_that_are_refused_when_typed_or_sent(url):
    try:
        addresses.check_url(url)
    except Invalid:
        return
    assert not http.post(url, b"{}", {}).is_delivered
    assert "not a public one" in http.post(url, b"{}", {}).error or "resolve" in http.post(url, b"{}", {}).error


@pytest.mark.parametrize(
    ("kind", "target"),
    [
        ("webhook", {"url": "https://example.com", "secret": "short"}),
        ("webhook", {}),
        ("pagerduty", {"routing_key": "x"}),
        ("slack", {}),
    ],
)
def test_targets_that_are_refused(kind, target):
    with pytest.raises(Invalid):
        CHECK[kind](target)


def test_mail_as_text_and_html(mails, settings):
    assert SEND["mail"]({}, MESSAGE).is_delivered
    (text,) = mails()
    assert "To: asha@example.test" in text
    assert "Asked for by: Asha Rao" in text
    assert "text/html" in text
    assert "https://portal.test/approvals/1/" in text
    assert "<form" not in text


def test_a_subject_is_one_line(mails):
    sneaky = replace(MESSAGE, title="Sign this\r\nBcc: everyone@example.test")
    assert SEND["mail"]({}, sneaky).is_delivered
    (text,) = mails()
    headers = text.partition("\n\n")[0]
    assert "Bcc" not in [line.partition(":")[0] for line in headers.splitlines()]
    assert "Subject: Sign this Bcc: everyone@example.test" in headers


def test_nobody_to_write_to():
    outcome = SEND["mail"]({}, replace(MESSAGE, to=""))
    assert (outcome.is_delivered, outcome.is_final) == (False, True)


def test_a_mail_server_that_is_down(settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_TIMEOUT = "127.0.0.1", port, 1
    outcome = SEND["mail"]({}, MESSAGE)
    assert (outcome.is_delivered, outcome.is_final, outcome.error) == (False, False, "ConnectionRefusedError")
