"""A database that cannot go on is no fault of the request: 503 with a Retry-After, at every door."""

from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client
from django.urls import path
from rest_framework.views import APIView

from portal.lib import schema

FAILS = {
    "transaction_timeout": "SET LOCAL transaction_timeout = 20; SELECT pg_sleep(9)",
    "statement_timeout": "SET LOCAL statement_timeout = 20; SELECT pg_sleep(9)",
    "deadlock": "DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '40P01'; END $$",
    "serialization": "DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '40001'; END $$",
    "idle": "DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '25P03'; END $$",
    "replaced": "DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '25006'; END $$",
    "restart": "SELECT pg_terminate_backend(pg_backend_pid())",
    "fault": "SELECT 1 / 0",
    "misspelt": "SELECT 1 FROM nowhere",
}
FAULTS = ("fault", "misspelt")
BUSY = sorted(FAILS.keys() - {*FAULTS})
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.urls(__name__)]


def fails(request: Any, why: str) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("CREATE TABLE test_busy ()")
        cursor.execute(FAILS[why])


class Fails(APIView):
    permission_classes: list[Any] = []
    authentication_classes: list[Any] = []

    def post(self, request: Any, why: str) -> None:
        fails(request, why)


urlpatterns = [
    path("<why>/", fails),
    path("v1/<why>/", fails),
    path("api/v1/<why>/", Fails.as_view()),
]
handler500 = "portal.lib.failures.server_error"


@pytest.mark.parametrize("why", BUSY)
@pytest.mark.parametrize("door", ["/api/v1/", "/v1/", "/"])
def test_it_is_503_and_nothing_was_changed(door: str, why: str) -> None:
    answer = Client(raise_request_exception=False).post(f"{door}{why}/")
    assert (answer.status_code, answer["Retry-After"]) == (503, "2")
    assert "Nothing was changed" in answer.content.decode()
    if door != "/":
        assert answer["Content-Type"] == "application/problem+json"
        assert answer.json()["type"] == "urn:bailiwick:problem:busy"
    assert "test_busy" not in connection.introspection.table_names()


def test_who_lost_the_connection_is_not_told_that_nothing_happened(monkeypatch: pytest.MonkeyPatch) -> None:
    connection.close()
    monkeypatch.setitem(connection.settings_dict, "PORT", 1)
    answer = Client(raise_request_exception=False).post("/api/v1/restart/")
    assert answer.status_code == 503
    assert "Look whether this happened" in answer.json()["detail"]


@pytest.mark.parametrize("door", ["/api/v1/", "/v1/", "/"])
def test_before_its_tables_are_made_it_says_so(monkeypatch: pytest.MonkeyPatch, door: str) -> None:
    connection.close()
    monkeypatch.setattr(schema, "_stands", [])
    monkeypatch.setitem(connection.settings_dict, "NAME", "postgres")  # a database without any
    answer = Client(raise_request_exception=False).post(f"{door}misspelt/")
    connection.close()
    assert (answer.status_code, answer["Retry-After"]) == (503, "2")
    assert "tables are not complete yet" in answer.content.decode()


@pytest.mark.parametrize("why", FAULTS)
@pytest.mark.parametrize("door", ["/api/v1/", "/v1/", "/"])
def test_a_fault_of_ours_stays_one(door: str, why: str) -> None:
    answer = Client(raise_request_exception=False).post(f"{door}{why}/")
    assert answer.status_code == 500
