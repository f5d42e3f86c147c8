"""Whatever is typed: a clear 4xx, nothing created, never a 5xx."""

import json
from typing import Any

import pytest

from lifecycle.models import TenantRequest
from tenants.models import Reservation, Tenant, TenantName

from .asking import body

URL = "/api/v1/tenant-requests/"
BAD_NAMES = ["../../x", "a" * 64, "ab", "Finance", "fin ance", "1abc", "abc-", "-abc", "naïve", "समय-खाता", "a\u0000b",
             "a;drop table x", "", "  ", "admin", "rag", "postgres", "a--b", "x' or '1'='1",
             "ａｂｃ", "ab\nc"]  # fmt: skip
BAD_AMOUNTS = ["-1", "0", "0.00", "NaN", "Infinity", "10 lakh", "ten", "1e9", "1.005", "", None, True, 1.5, [], {},
               "999999999999999999999", "१०००", "1,2,3x"]  # fmt: skip


def refused(answer: Any) -> dict[str, Any]:
    assert 400 <= answer.status_code < 500, (answer.status_code, answer.content[:300])
    assert answer["Content-Type"].startswith("application/problem+json")
    problem = json.loads(answer.content)
    assert problem["type"].startswith("urn:bailiwick:problem:")
    assert problem["detail"]
    assert not TenantRequest.objects.exists()
    assert not Tenant.objects.exists()
    assert not TenantName.objects.exists()
    assert not Reservation.objects.exists()
    return problem


@pytest.mark.parametrize("name", BAD_NAMES)
def test_names(api: Any, name: str) -> None:
    problem = refused(api("meera").post(URL, body(name=name)))
    assert "name" in problem.get("fields", {}) or "NUL" in problem["detail"]


@pytest.mark.parametrize("amount", BAD_AMOUNTS, ids=repr)
def test_budgets(api: Any, amount: Any) -> None:
    problem = refused(api("meera").post(URL, body(annual_budget_inr=amount)))
    assert "annual_budget_inr" in problem["fields"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("tier", "diamond"),
        ("tier", 7),
        ("tier", ["bronze"]),
        ("tier", {"a": 1}),
        ("business_unit", "NOPE"),
        ("region", "mars-north-1x"),
        ("region", "ap_south"),
        ("geography", "XX"),
        ("data_classes", "pii"),
        ("data_classes", ["secrets"]),
        ("data_classes", [None]),
        ("expected_users", -5),
        ("expected_users", 0),
        ("expected_users", "many"),
        ("expected_users", 10**30),
        ("expected_documents", 1.5),
        ("owner", "nobody"),
        ("owner", {"id": 1}),
        ("champion", "platform"),
        ("justification", ""),
        ("justification", "x" * 4001),
        ("expires_on", "yesterday"),
        ("expires_on", "2020-01-01"),
        ("profiles", ["NOSUCH"]),
        ("vector_provider", "faiss"),
        ("favourite_colour", "teal"),
        ("state", "active"),
        ("tenant_id", "00000000-0000-0000-0000-000000000000"),
        ("submit", "perhaps"),
    ],
)
def test_fields(api: Any, field: str, value: Any) -> None:
    problem = refused(api("meera").post(URL, body(**{field: value})))
    assert field.partition("_")[0] in str(problem).lower() or "CMP-000" in str(problem)


@pytest.mark.parametrize("missing", ["name", "tier", "region", "annual_budget_inr", "justification", "owner"])
def test_missing_fields(api: Any, missing: str) -> None:
    given = body()
    del given[missing]
    assert missing in refused(api("meera").post(URL, given))["fields"]


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"[]",
        b'"text"',
        b"null",
        b"42",
        b"\xff\xfe",
        b'{"name": NaN}',
        b'{"name": "a", "name": "b"}',
        b'{"name": "\\u0000"}',
        b"[" * 100_000,
        b'{"justification": "' + b"x" * 300_000 + b'"}',
    ],
    ids=range(12),
)
def test_bodies(api: Any, raw: bytes) -> None:
    refused(api("meera").generic("POST", URL, raw, content_type="application/json"))


def test_another_media_type(api: Any) -> None:
    refused(api("meera").generic("POST", URL, b"<a/>", content_type="application/xml"))


@pytest.mark.parametrize("query", ["?page=0", "?page=x", "?nosuch=1", "?state=nosuch", "?business_unit=%00"])
def test_queries(api: Any, query: str) -> None:
    refused(api("meera").get(URL + query))


@pytest.mark.parametrize("path", ["not-a-uuid/", "00000000-0000-0000-0000-000000000000/"])
@pytest.mark.parametrize("verb", ["", "submission/", "cancellation/", "acceptance/", "roll-back/", "checklist/"])
def test_absent_objects(api: Any, path: str, verb: str) -> None:
    client = api("priya")
    answer = client.post(URL + path + verb, {"reason": "r", "item": 0}) if verb else client.get(URL + path)
    assert answer.status_code in (404, 422), answer.content


def test_refused_by_policy_names_the_rule(api: Any) -> None:
    problem = refused(api("meera").post(URL, body(geography="EU", region="ap-south-1")))
    assert problem["type"].endswith("policy-refused")
    assert problem["rules"][0]["rule"] == "RES-001"
    assert "eu-west-1" in problem["rules"][0]["remedy"]


def test_more_than_the_tier_carries(api: Any) -> None:
    assert "LIM-001" in refused(api("meera").post(URL, body(expected_users=51)))["detail"]


def test_blanks_around_a_name_are_not_part_of_it(api: Any) -> None:
    answer = api("meera").post(URL, body(name=" ledger-notes \n"))
    assert answer.status_code == 201 and answer.json()["name"] == "ledger-notes"


def test_a_body_over_the_limit_is_called_that(api: Any) -> None:
    answer = api("meera").post(URL, body(justification="x" * 300_000))
    assert answer.status_code == 413
