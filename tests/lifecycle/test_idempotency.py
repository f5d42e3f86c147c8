"""`Idempotency-Key`: the same request twice is one request, also when both come at once."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection
from rest_framework.test import APIClient

from lifecycle.models import TenantRequest
from portal.access import accounts
from portal.access.models import IdempotencyKey, User
from tests.lifecycle.asking import body

URL = "/api/v1/tenant-requests/"


def test_the_same_again(api: Any) -> None:
    client = api("meera")
    first = client.post(URL, body(), headers={"Idempotency-Key": "k-1"})
    again = client.post(URL, body(), headers={"Idempotency-Key": "k-1"})
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json() and again["Idempotent-Replay"] == "true"
    assert TenantRequest.objects.count() == 1


def test_another_body_is_a_conflict(api: Any) -> None:
    client = api("meera")
    client.post(URL, body(), headers={"Idempotency-Key": "k-1"})
    other = client.post(URL, body(name="other-notes"), headers={"Idempotency-Key": "k-1"})
    assert other.status_code == 409 and other.json()["type"].endswith("idempotency-key-reused")
    assert client.post(URL + "estimate/", body(), headers={"Idempotency-Key": "k-1"}).status_code == 409
    assert TenantRequest.objects.count() == 1


def test_a_refusal_is_not_kept(api: Any) -> None:
    client = api("meera")
    assert client.post(URL, body(name="No"), headers={"Idempotency-Key": "k-1"}).status_code == 422
    assert not IdempotencyKey.objects.exists()
    assert client.post(URL, body(), headers={"Idempotency-Key": "k-1"}).status_code == 201


def test_keys_are_each_persons_own(api: Any) -> None:
    mine = api("meera").post(URL, body(), headers={"Idempotency-Key": "k-1"})
    given = body(name="hr-notes", business_unit="HR", owner="arjun", champion="arjun")
    theirs = api("arjun").post(URL, given, headers={"Idempotency-Key": "k-1"})
    assert (mine.status_code, theirs.status_code) == (201, 201) and mine.json()["id"] != theirs.json()["id"]


@pytest.mark.parametrize("key", ["x" * 129, "two words", "naïve", "\t"])
def test_keys_that_are_none(api: Any, key: str) -> None:
    answer = api("meera").post(URL, body(), headers={"Idempotency-Key": key})
    assert answer.status_code == 422 and not TenantRequest.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_two_at_once_are_one(shipped: None) -> None:
    accounts.ensure_demo_people()
    meera = User.objects.get(username="meera")

    def ask(_: int) -> tuple[int, Any]:
        try:
            client = APIClient()
            client.force_authenticate(meera)
            answer = client.post(URL, body(), headers={"Idempotency-Key": "k-1"})
            return answer.status_code, answer.json().get("id")
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(ask, range(8)))
    assert {status for status, _ in answers} == {201} and len({made for _, made in answers}) == 1
    assert TenantRequest.objects.count() == 1
