"""Before credentials move on a page, the person proves again who they are, in that very request."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from portal.access.demo import PASSWORD
from portal.access.models import ApiToken, Grant, User
from portal.access.reauthentication import SIGNED_IN
from portal.lib.clock import now

WHY = {"reason": "A test."}


@pytest.fixture
def priya(shipped: None) -> Client:
    client = Client()
    client.force_login(User.objects.get(username="priya"))
    return client


def doors() -> dict[str, tuple[str, dict[str, Any]]]:
    nadia = User.objects.get(username="nadia")
    base, grant = f"/people/{nadia.pk}/do", nadia.grants.get()
    person = {"username": "new", "full_name": "N", "password": "a long first password", **WHY}
    return {
        "give a role": (f"{base}/grant/", {"role": "auditor", "scope_type": "global", **WHY}),
        "take a role": (f"{base}/revoke/", {"grant": grant.pk, **WHY}),
        "disable": (f"{base}/disable/", WHY),
        "make a token": ("/tokens/new/", {"label": "x", "scopes": ["tenant.read"], "days": 1, **WHY}),
        "make a person": ("/people/new/", person),
    }


def state() -> tuple[Any, ...]:
    return (
        list(Grant.objects.order_by("pk").values_list("pk", "revoked_at")),
        list(User.objects.order_by("pk").values_list("pk", "is_active")),
        ApiToken.objects.filter(user__username="priya").count(),
    )


def test_no_credential_moves_without_the_password(priya: Client) -> None:
    before = state()
    for name, (url, given) in doors().items():
        for tried in ({}, {"own_password": ""}, {"own_password": "wrong"}):
            answer = priya.post(url, {**given, **tried})
            assert answer.status_code == 403, (name, tried)
            assert "assword" in answer.content.decode(), name
        assert state() == before, name
        priya.post("/login/", {"username": "priya", "password": PASSWORD})  # forgets the failures
        answer = priya.post(url, {**given, "own_password": PASSWORD})
        assert answer.status_code == 302, (name, answer.content.decode()[-600:])
        assert state() != before, name
        before = state()


def test_one_proof_permits_one_request(priya: Client) -> None:
    """Nothing is kept that a second request, or another session, could lean on."""
    url, given = doors()["give a role"]
    assert priya.post(url, {**given, "own_password": PASSWORD}).status_code == 302
    assert priya.post(url, given).status_code == 403
    forged = priya.session
    forged[SIGNED_IN] = now().timestamp()
    forged.save()
    assert priya.post(url, given).status_code == 403, "a password account is asked for its password"


def test_another_persons_password_is_no_proof(priya: Client) -> None:
    other = User.objects.get(username="meera")
    other.set_password("quite another password")
    other.save()
    url, given = doors()["disable"]
    assert priya.post(url, {**given, "own_password": "quite another password"}).status_code == 403


def test_guesses_at_the_password_are_counted(priya: Client, settings: Any) -> None:
    url, given = doors()["disable"]
    for _ in range(settings.SIGNIN_FAILURES_PER_ACCOUNT):
        assert priya.post(url, {**given, "own_password": "wrong"}).status_code == 403
    assert priya.post(url, {**given, "own_password": PASSWORD}).status_code == 429


@pytest.mark.parametrize(("age", "status"), [(None, 403), (0, 302), (4, 302), (6, 403), (-2, 403)])
def test_through_an_identity_provider_a_fresh_sign_in_stands_for_it(
    priya: Client, age: float | None, status: int
) -> None:
    user = User.objects.get(username="priya")
    user.set_unusable_password()
    user.save()
    priya.force_login(user)
    if age is not None:
        held = priya.session
        held[SIGNED_IN] = (now() - timedelta(minutes=age)).timestamp()
        held.save()
    url, given = doors()["give a role"]
    answer = priya.post(url, given)
    assert answer.status_code == status
    assert status == 302 or "Sign out and in again" in answer.content.decode()
