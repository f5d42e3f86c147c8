"""Before credentials move, on a page or over the API, the person proves again who they are, in that very request."""

import hashlib
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from rest_framework.test import APIClient

from portal.access import jwt
from portal.access.demo import PASSWORD
from portal.access.models import ApiToken, Grant, IdempotencyKey, User
from portal.access.reauthentication import SIGNED_IN
from portal.lib.clock import now

WHY, WRONG = {"reason": "A test."}, {"password": "wrong"}


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


# -- the same over the API ---------------------------------------------------------------------------------------------
def routes() -> dict[str, tuple[str, dict[str, Any]]]:
    nadia = User.objects.get(username="nadia")
    base, grant = f"/api/v1/users/{nadia.pk}", nadia.grants.get()
    return {
        "give a role": (f"{base}/grants/", {"role": "auditor", **WHY}),
        "take a role": (f"/api/v1/grants/{grant.pk}/revocation/", WHY),
        "disable": (f"{base}/disabling/", WHY),
        "enable": (f"{base}/enabling/", WHY),
        "make a token": ("/api/v1/tokens/", {"label": "x", "scopes": ["tenant.read"], "days": 1, **WHY}),
    }


@pytest.fixture(params=["session", "jwt"])
def caller(request: Any, shipped: None) -> APIClient:
    """Priya over the API: with the page's session, or with a bearer that somebody may have copied."""
    user, client = User.objects.get(username="priya"), APIClient()
    if request.param == "session":
        client.force_login(user)
    else:
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {jwt.mint(str(user.pk), epoch=user.credential_epoch)}")
    return client


def test_no_credential_moves_over_the_api_without_the_password(caller: APIClient) -> None:
    before = state()
    for name, (url, given) in routes().items():
        bare, empty, wrong = (caller.post(url, {**given, **more}) for more in ({}, {"password": ""}, WRONG))
        assert (bare.status_code, empty.status_code, wrong.status_code) == (403, 422, 403), name
        assert [one.json()["type"].rpartition(":")[2] for one in (bare, wrong)] == ["reauthenticate", "wrong-password"]
        assert state() == before, name
        answer = caller.post(url, {**given, "password": PASSWORD})
        assert answer.status_code in (200, 201), (name, answer.content)
        assert PASSWORD not in answer.content.decode()
        assert state() != before, name
        before = state()
        assert caller.post(url, given).status_code == 403, "one proof permits one request"


def test_guesses_over_the_api_are_counted_whatever_key_they_carry(caller: APIClient, settings: Any) -> None:
    url, given = routes()["disable"]
    for number in range(settings.SIGNIN_FAILURES_PER_ACCOUNT):
        answer = caller.post(url, {**given, **WRONG}, headers={"Idempotency-Key": f"k{number}"})
        assert answer.status_code == 403
    assert caller.post(url, {**given, "password": PASSWORD}).status_code == 429
    assert not IdempotencyKey.objects.exists()


def test_a_repeated_request_is_told_by_its_body_of_which_no_plain_digest_is_kept(caller: APIClient) -> None:
    url, given = routes()["give a role"]
    sent, key = {**given, "password": PASSWORD}, {"Idempotency-Key": "once"}
    first, again = (caller.post(url, sent, headers=key) for _ in range(2))
    assert (first.status_code, again.json()) == (201, first.json())
    assert caller.post(url, {**sent, "role": "cfo"}, headers=key).status_code == 409
    assert IdempotencyKey.objects.get().body_sha256 != hashlib.sha256(repr(sent).encode()).hexdigest()


def test_without_a_password_a_fresh_sign_in_of_this_session_stands_for_it_and_a_bearer_is_none(shipped: None) -> None:
    user, client = User.objects.get(username="priya"), APIClient()
    user.set_unusable_password()
    user.save()
    url, given = routes()["give a role"]
    client.force_login(user)
    assert client.post(url, given).json()["type"].endswith("reauthenticate")
    held = client.session
    held[SIGNED_IN] = now().timestamp()
    held.save()
    assert client.post(url, given).status_code == 201
    bearer = APIClient()
    bearer.credentials(HTTP_AUTHORIZATION=f"Bearer {jwt.mint(str(user.pk), epoch=user.credential_epoch)}")
    assert bearer.post(url, {**given, "role": "cfo"}).status_code == 403
