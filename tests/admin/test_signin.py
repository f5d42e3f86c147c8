"""Sign-in answers with the right status, never sends anybody elsewhere, and counts failures."""

from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from portal.access.demo import PASSWORD

pytestmark = pytest.mark.django_db


def sign_in(client: Client, username: str = "meera", password: str = PASSWORD, **more: str) -> Any:
    return client.post("/login/", {"username": username, "password": password, **more})


def test_the_page_lists_the_demo_people(client: Client, shipped: None) -> None:
    body = client.get("/login/").content.decode()
    assert "Vikram Shah" in body and PASSWORD in body


def test_the_demo_people_are_not_shown_outside_the_demo(client: Client, shipped: None, settings: Any) -> None:
    settings.DEMO_PEOPLE_SHOWN = False
    assert PASSWORD not in client.get("/login/").content.decode()


def test_a_good_pair_enters(client: Client, shipped: None) -> None:
    answer = sign_in(client)
    assert (answer.status_code, answer.headers["Location"]) == (302, "/")
    assert "Good" in client.get("/").content.decode()


def test_nobody_is_sent_elsewhere(client: Client, shipped: None) -> None:
    for wanted in ("https://evil.test/", "//evil.test/x", "javascript:alert(1)", "\\\\evil.test"):
        assert sign_in(client, next=wanted).headers["Location"] == "/"


def test_the_asked_page_comes_after_signing_in(client: Client, shipped: None) -> None:
    asked = client.get("/tenants/")
    assert asked.status_code == 302 and asked.headers["Location"] == "/login/?next=/tenants/"
    assert sign_in(client, next="/tenants/").headers["Location"] == "/tenants/"


def test_a_wrong_password_is_401_and_says_so(client: Client, shipped: None) -> None:
    answer = sign_in(client, password="wrong")
    assert answer.status_code == 401 and "is not right" in answer.content.decode()


def test_an_empty_form_is_422(client: Client, shipped: None) -> None:
    assert sign_in(client, username="", password="").status_code == 422


def test_too_many_failures_are_429_with_a_time(client: Client, shipped: None) -> None:
    for _ in range(settings.SIGNIN_FAILURES_PER_ACCOUNT):
        sign_in(client, password="wrong")
    answer = sign_in(client)
    assert answer.status_code == 429 and int(answer.headers["Retry-After"]) > 0


def test_a_service_does_not_sign_in(client: Client, shipped: None) -> None:
    assert sign_in(client, username="platform").status_code in (401, 422)


def test_signing_out_needs_a_post(client: Client, shipped: None) -> None:
    sign_in(client)
    assert client.get("/logout/").status_code == 405
    assert client.get("/").status_code == 200
    assert client.post("/logout/").status_code == 302
    assert client.get("/").status_code == 302


def test_whoever_holds_two_roles_chooses_one(page: Any, world: Any, client: Client) -> None:
    assert sign_in(client, username="farah").headers["Location"].startswith("/eyes/?next=")
    auditor = next(eyes for eyes in client.get("/eyes/").context["choices"] if eyes.role == "Auditor")
    assert client.get("/incidents/").status_code == 200
    client.post("/eyes/", {"eyes": auditor.key})
    answer = client.post(f"/incidents/{world.incident.pk}/do/resolve/", {"reason": "as an auditor"})
    assert answer.status_code == 403, "an auditor changes nothing, whatever else the person may do"
    client.post("/eyes/", {"eyes": "not-a-grant-of-theirs"})
    assert "everything you may see" in client.get("/").content.decode()


def test_the_theme_is_kept(client: Client, shipped: None) -> None:
    client.post("/theme/", {"theme": "dark"})
    assert 'data-theme="dark"' in client.get("/login/").content.decode()
    client.post("/theme/", {"theme": '"><script>'})
    assert 'data-theme="dark"' in client.get("/login/").content.decode()
