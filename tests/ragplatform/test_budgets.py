"""Transfers between a tenant's budgets: done once, whole, and never out of nothing, whoever else transfers."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.ragplatform.conftest import Tenant, problem


@pytest.fixture
def http(fresh: Tenant) -> httpx.Client:
    return fresh.client()


def opened(http: httpx.Client, tokens: int) -> str:
    budget = {"id": str(uuid4()), "name": "Research", "tokens": tokens}
    assert http.post("/v1/budgets", json=budget).status_code == 201
    assert http.post("/v1/budgets", json=budget).status_code == 200
    problem(http.post("/v1/budgets", json={**budget, "tokens": tokens + 1}), 409, "id-taken")
    return budget["id"]


def asked(payer: str, payee: str, tokens: int, **more: Any) -> dict[str, Any]:
    return {"id": str(uuid4()), "payer_id": payer, "payee_id": payee, "tokens": tokens, **more}


def balances(http: httpx.Client) -> dict[str, int]:
    found = http.get("/v1/budgets").json()["budgets"]
    assert all(one["tokens"] == one["opening"] + one["received"] - one["paid"] for one in found)
    return {one["id"]: one["tokens"] for one in found}


def test_a_transfer_is_made_once_however_often_it_is_sent(http: httpx.Client) -> None:
    one, two = opened(http, 100), opened(http, 0)
    wanted = asked(one, two, 30)
    assert [http.post("/v1/budget-transfers", json=wanted).status_code for _ in range(3)] == [201, 200, 200]
    assert balances(http) == {one: 70, two: 30}
    assert http.get(f"/v1/budget-transfers/{wanted['id']}").json()["tokens"] == 30
    problem(http.post("/v1/budget-transfers", json={**wanted, "tokens": 31}), 409, "id-taken")


def test_what_is_wrong_is_refused_and_changes_nothing(http: httpx.Client) -> None:
    one, two = opened(http, 10), opened(http, 10)
    for status, code, body in (
        (409, "not-enough", asked(one, two, 11)),
        (404, "not-found", asked(one, str(uuid4()), 1)),
        (422, "invalid", asked(one, one, 1)),
        (422, "invalid", asked(one, two, 0)),
        (422, "invalid", asked(one, two, 1, note="x")),
    ):
        problem(http.post("/v1/budget-transfers", json=body), status, code)
    problem(http.get(f"/v1/budget-transfers/{uuid4()}"), 404, "not-found")
    assert balances(http) == {one: 10, two: 10}


def test_many_at_once_leave_the_sum_as_it_was(fresh: Tenant) -> None:
    with fresh.client() as http:
        budgets = [opened(http, 50) for _ in range(3)]
        wanted = [asked(budgets[n % 3], budgets[(n + 1 + n % 2) % 3], n % 40 + 1) for n in range(90)]
        with ThreadPoolExecutor(6) as pool:
            sent = list(pool.map(lambda body: http.post("/v1/budget-transfers", json=body).status_code, wanted))
        assert {201} <= set(sent) <= {201, 409, 503}
        found = balances(http)
        assert sum(found.values()) == 150 and min(found.values()) >= 0
        made = [body for body, status in zip(wanted, sent, strict=True) if status == 201]
        for budget in budgets:
            net = sum(b["tokens"] * ((b["payee_id"] == budget) - (b["payer_id"] == budget)) for b in made)
            assert found[budget] == 50 + net


def test_another_tenant_sees_and_moves_nothing_of_it(fresh: Tenant, acme: Tenant) -> None:
    with fresh.client() as mine, acme.client() as theirs:
        one, two = opened(mine, 5), opened(mine, 5)
        problem(theirs.post("/v1/budget-transfers", json=asked(one, two, 1)), 404, "not-found")
        assert one not in balances(theirs)
