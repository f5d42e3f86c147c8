"""Signing in under attack: guesses are counted exactly, nobody learns a name, and without a counter nobody guesses."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.hashers import MD5PasswordHasher
from django.db import connection
from django.test import Client
from rest_framework.test import APIClient

from portal.access import throttle
from portal.access.actions import NotSignedIn, sign_in
from portal.access.demo import PASSWORD
from portal.access.models import User
from portal.audit.models import Entry
from portal.lib.errors import Refusal

DOOR = "/api/v1/auth/token"


class Counting(MD5PasswordHasher):
    """Counts the hashes it computes: what an attacker with a stopwatch would measure."""

    computed = 0

    def encode(self, password: str, salt: str) -> str:
        type(self).computed += 1
        return super().encode(password, salt)


def attempt(username: str, password: str, address: str = "203.0.113.7") -> Any:
    given = {"username": username, "password": password}
    return APIClient().post(DOOR, given, REMOTE_ADDR=address)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("failed_before", [0, 3])
def test_no_more_guesses_than_the_limit_however_many_at_once(shipped: None, failed_before: int) -> None:
    for _ in range(failed_before):
        assert attempt("meera", "wrong").status_code == 401
    crowd, start = 24, Barrier(24)

    def guess(number: int) -> int:
        try:
            connection.ensure_connection()
            start.wait(30)
            return attempt("meera", f"wrong-{number}", f"203.0.113.{number}").status_code
        finally:
            connection.close()

    with ThreadPoolExecutor(crowd) as pool:
        found = Counter(pool.map(guess, range(crowd)))
    left = settings.SIGNIN_FAILURES_PER_ACCOUNT - failed_before
    assert found == {401: left, 429: crowd - left}
    assert attempt("meera", PASSWORD, "198.51.100.1").status_code == 429
    assert Entry.objects.filter(verb="user.locked_out").count() == 1


@pytest.mark.django_db(transaction=True)
def test_one_address_counts_exactly_too(shipped: None, settings: Any) -> None:
    settings.SIGNIN_FAILURES_PER_ADDRESS = 7
    start = Barrier(16)

    def guess(number: int) -> bool:
        try:
            connection.ensure_connection()
            start.wait(30)
            sign_in(username=f"nobody-{number}", password="wrong", address="203.0.113.7")
        except NotSignedIn:
            return True
        except Refusal:
            return False
        finally:
            connection.close()
        raise AssertionError

    with ThreadPoolExecutor(16) as pool:
        assert sum(pool.map(guess, range(16))) == 7


def test_places_that_are_given_back_are_free(shipped: None) -> None:
    """Attempts still being looked at fill the limit; answered rightly, they leave nothing behind."""
    for _ in range(settings.SIGNIN_FAILURES_PER_ACCOUNT):
        throttle.take("meera", "203.0.113.7")
    busy = attempt("meera", PASSWORD)
    assert (busy.status_code, busy.headers["Retry-After"]) == (429, "1")
    for _ in range(settings.SIGNIN_FAILURES_PER_ACCOUNT):
        throttle.succeeded("meera", "203.0.113.7")
    assert attempt("meera", PASSWORD).status_code == 200
    assert throttle.locked_for("meera") == 0


def test_a_lock_out_is_recorded_and_shown(shipped: None) -> None:
    page = Client()
    page.force_login(User.objects.get(username="priya"))
    meera = User.objects.get(username="meera")
    assert "Locked out until" not in page.get(f"/people/{meera.pk}/").content.decode()
    for _ in range(settings.SIGNIN_FAILURES_PER_ACCOUNT):
        attempt("Meera ", "wrong")
    entry = Entry.objects.get(verb="user.locked_out")
    assert (entry.object_id, entry.actor) == (str(meera.pk), "system:sign-in")
    assert "Locked out until" in page.get(f"/people/{meera.pk}/").content.decode()
    refused = attempt("meera", PASSWORD)
    assert 0 < int(refused.headers["Retry-After"]) <= settings.SIGNIN_WINDOW_SECONDS


def test_nobody_learns_whether_a_name_exists(shipped: None, settings: Any) -> None:
    """Unknown, wrong, disabled and machine accounts answer alike and cost the same number of hashes."""
    settings.PASSWORD_HASHERS = ["tests.security.test_signing_in.Counting"]
    for user in User.objects.filter(username__in=["meera", "arjun"]):
        user.set_password(PASSWORD)
        user.is_active = user.username == "meera"
        user.save()
    answers, cost = set(), {}
    for name in ("nobody-of-that-name", "meera", "arjun", "platform"):
        before = Counting.computed
        answer = attempt(name, PASSWORD + "x")
        cost[name] = Counting.computed - before
        answers.add((answer.status_code, answer.content, frozenset(answer.headers) - {"X-Request-Id"}))
    assert len(answers) == 1 and next(iter(answers))[0] == 401
    assert len(set(cost.values())) == 1 and cost["meera"] >= 1, cost
    for name in ("nobody-of-that-name", "meera"):
        for _ in range(settings.SIGNIN_FAILURES_PER_ACCOUNT):
            last = attempt(name, "wrong", "198.51.100.3")
        shown = last.json()
        assert 0 < shown.pop("retry_after") <= settings.SIGNIN_WINDOW_SECONDS
        answers.add((last.status_code, str(shown)))
    assert {status for status, *_ in answers} == {401, 429}
    assert len({body for status, body, *_ in answers if status == 429}) == 1


def test_without_redis_nobody_signs_in_and_whoever_is_in_stays(shipped: None, settings: Any) -> None:
    page = Client()
    assert page.post("/login/", {"username": "meera", "password": PASSWORD}).status_code == 302
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    settings.CACHES = {"default": {**settings.CACHES["default"], "LOCATION": settings.REDIS_URL}}
    answer = attempt("arjun", PASSWORD)
    assert (answer.status_code, answer.json()["type"]) == (503, "urn:bailiwick:problem:sign-in-unavailable")
    refused = Client().post("/login/", {"username": "arjun", "password": PASSWORD})
    assert refused.status_code == 503 and "cannot be counted" in refused.content.decode()
    assert page.get("/").status_code == 200
    assert page.get("/requests/").status_code == 200
    assert page.get("/health/ready").json()["components"]["cache"] == "down: ConnectionError"
    assert page.post("/logout/").status_code == 302
    assert page.get("/").status_code == 302
