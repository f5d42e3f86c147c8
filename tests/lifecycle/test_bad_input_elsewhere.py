"""Bad input at every other door of the API: a clear 4xx as problem+json, never a 5xx, and nothing changes."""

import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client, override_settings
from django.urls import path
from rest_framework.test import APIClient
from rest_framework.views import APIView

from portal.access.demo import PASSWORD
from portal.access.models import ApiToken
from portal.api_urls import router
from portal.approvals.models import Case
from portal.audit.models import Entry
from portal.urls import urlpatterns as routes
from tenants.models import BusinessUnit, Tier
from tests.access.routes import with_places

TIER = {
    "code": "enterprise",
    "name": "Enterprise",
    "sla_percent": "99.99",
    "support": "24/7",
    "p95_target_ms": 200,
    "max_users": 2000,
    "max_documents": 5_000_000,
    "max_queries_per_day": 100_000,
    "max_storage_gb": 5000,
    "requests_per_minute": 6000,
    "tier_base": "1000000.00",
    "user": "500.00",
    "documents_1000": "100.00",
    "reason": "A larger service level.",
}
TOKEN = {"label": "nightly report", "scopes": ["tenant.read"], "days": 30, "reason": "A report.", "password": PASSWORD}
ENVELOPE = {"envelope_inr": "5000000.00", "reason": "The year's plan."}


def refused(answer: Any, *statuses: int) -> dict[str, Any]:
    """The problem of an answer that must be a refusal."""
    assert 400 <= answer.status_code < 500, (answer.status_code, answer.content[:300])
    assert answer["Content-Type"].startswith("application/problem+json"), answer["Content-Type"]
    assert not statuses or answer.status_code in statuses, (answer.status_code, answer.content[:300])
    problem: dict[str, Any] = json.loads(answer.content)
    assert problem["type"].startswith("urn:bailiwick:problem:") and problem["detail"]
    return problem


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("code", "../x"),
        ("code", "Enterprise"),
        ("code", ""),
        ("code", "a" * 40),
        ("name", ""),
        ("name", "x" * 65),
        ("sla_percent", "100.001"),
        ("sla_percent", "0"),
        ("sla_percent", "NaN"),
        ("max_users", 0),
        ("max_users", 10**12),
        ("max_users", "many"),
        ("tier_base", "-1"),
        ("tier_base", "1e400"),
        ("tier_base", "Infinity"),
        ("tier_base", None),
        ("user", [1]),
        ("documents_1000", True),
        ("reason", ""),
        ("colour", "teal"),
        ("is_offered", True),
    ],
)
def test_tiers(api: Any, field: str, value: Any) -> None:
    before = Tier.objects.count()
    assert field in refused(api("priya").post("/api/v1/tiers/", {**TIER, field: value}), 422)["fields"]
    assert Tier.objects.count() == before


def test_a_tier_that_exists(api: Any) -> None:
    refused(api("priya").post("/api/v1/tiers/", {**TIER, "code": "gold"}), 409)
    refused(api("meera").post("/api/v1/tiers/", TIER), 403)
    assert not Tier.objects.filter(pk="enterprise").exists()
    assert api("priya").post("/api/v1/tiers/", TIER).status_code == 201


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("label", ""),
        ("label", "x" * 101),
        ("scopes", []),
        ("scopes", ["everything"]),
        ("scopes", ["nosuch.read"]),
        ("scopes", ["tenant"]),
        ("scopes", "tenant.read"),
        ("scopes", [None]),
        ("scopes", [{"a": 1}]),
        ("scopes", ["tenant.read"] * 51),
        ("days", 0),
        ("days", 367),
        ("days", 10**30),
        ("days", "soon"),
        ("reason", ""),
        ("user", "priya"),
    ],
)
def test_tokens(api: Any, field: str, value: Any) -> None:
    assert field in refused(api("meera").post("/api/v1/tokens/", {**TOKEN, field: value}), 422)["fields"]
    assert not ApiToken.objects.filter(user__username="meera").exists()


@pytest.mark.parametrize("amount", ["-0.01", "NaN", "10 lakh", None, [], {}, "1.005", "9" * 20, ""])
def test_envelopes(api: Any, amount: Any) -> None:
    url = "/api/v1/business-units/FIN/envelope/"
    before = BusinessUnit.objects.get(pk="FIN").envelope_inr
    refused(api("vikram").post(url, {**ENVELOPE, "envelope_inr": amount}), 422)
    refused(api("vikram").post(url, {**ENVELOPE, "reason": " "}), 422)
    refused(api("vikram").post("/api/v1/business-units/NOPE/envelope/", ENVELOPE), 404)
    assert BusinessUnit.objects.get(pk="FIN").envelope_inr == before


@pytest.mark.parametrize(
    ("given", "status"),
    [
        ({}, 422),
        ({"username": "meera"}, 422),
        ({"username": "meera", "password": ""}, 422),
        ({"username": "meera", "password": None}, 422),
        ({"username": ["meera"], "password": "x"}, 422),
        ({"username": "x" * 151, "password": "x"}, 422),
        ({"username": "meera", "password": "x" * 1025}, 422),
        ({"username": "meera", "password": "x", "role": "cfo"}, 422),
        ({"username": "nobody", "password": "x"}, 401),
        ({"username": "meera", "password": "wrong"}, 401),
        ({"username": "platform", "password": "!"}, 401),
        ([], 422),
    ],
)
def test_the_exchange_of_a_password(shipped: None, given: Any, status: int) -> None:
    problem = refused(APIClient().post("/api/v1/auth/token", given), status)
    assert "access_token" not in str(problem)


@pytest.mark.parametrize("raw", [b"", b"{", b"\xff", b'{"username": "\\u0000", "password": "x"}', b"[" * 9000])
def test_the_exchange_of_no_json(shipped: None, raw: bytes) -> None:
    refused(APIClient().generic("POST", "/api/v1/auth/token", raw, content_type="application/json"))


NOWHERE = [
    "/api/", "/api/v1/", "/api/v2/tenants/", "/api/v1/nosuch/", "/api/v1/tenants/x/y/z/", "/api/v1/tenants/%00/",
    "/api/v1/tiers/%00/", "/api/v1/business-units/%F0%9F%98%80/", "/api/v1/tenants/../../etc/passwd",
    "/v1/snapshot/x", "/v1/nosuch", "/api/v1/residency-rules/99999999999999999999/",
]  # fmt: skip


def test_addresses_that_do_not_exist(api: Any) -> None:
    client = api("priya")
    for url in NOWHERE:
        refused(client.get(url), 404)
        refused(client.post(url), 404)


@pytest.mark.parametrize("url", ["/api/v1/tenants/", "/api/v1/tenant-requests/", "/api/v1/auth/token", "/api/v1/me"])
def test_methods_that_are_not_there(api: Any, url: str) -> None:
    client = api("priya")
    for method in ("PUT", "PATCH", "DELETE", "TRACE"):
        answer = client.generic(method, url)
        refused(answer, 405)
        assert answer["Allow"]


def test_strangers_are_told_how_to_sign_in(shipped: None) -> None:
    for url in ("/api/v1/tenants/", "/api/v1/tenant-requests/", "/api/v1/me"):
        answer = APIClient().get(url)
        refused(answer, 401)
        assert answer["WWW-Authenticate"].startswith("Bearer")


def test_a_session_without_its_csrf_token(api: Any) -> None:
    client = APIClient(enforce_csrf_checks=True)
    client.force_login(api("meera").get("/api/v1/me").wsgi_request.user)
    refused(client.post("/api/v1/tenant-requests/", {}), 403)


def test_a_foreign_host(shipped: None) -> None:
    refused(Client(headers={"host": "evil.example"}).get("/api/v1/tenants/"), 400)


class Breaks(APIView):
    """A door with a fault in it."""

    authentication_classes: list[Any] = []
    permission_classes: list[Any] = []

    def get(self, request: Any) -> None:
        raise ZeroDivisionError("the inside of it")


def _breaks_plainly(request: Any) -> None:
    raise ZeroDivisionError("the inside of it")


class Faulty:
    """The product's routes and two that break."""

    urlpatterns = [path("api/v1/breaks", Breaks.as_view()), path("api/plainly", _breaks_plainly), *routes]
    handler400, handler403, handler404, handler500 = (
        f"portal.lib.failures.{name}" for name in ("bad_request", "permission_denied", "page_not_found", "server_error")
    )


@pytest.mark.parametrize("url", ["/api/v1/breaks", "/api/plainly"])
def test_a_fault_of_ours_is_a_problem_too_and_tells_nothing(db: Any, url: str) -> None:
    with override_settings(ROOT_URLCONF=Faulty):
        answer = Client(raise_request_exception=False).get(url)
    assert answer.status_code == 500 and answer["Content-Type"] == "application/problem+json"
    assert answer["X-Request-Id"] in answer.json()["detail"] and "inside" not in answer.content.decode()


# -- every door that writes, whatever is thrown at it -----------------------------------------------------------------
RUBBISH: list[Any] = [
    None,
    [],
    "text",
    7,
    {},
    {"reason": ""},
    {"reason": {"a": [1]}},
    {"reason": "x" * 5000},
    {"reason": "r", "digest": [], "item": -1, "text": None, "valid_until": "never"},
    {"reason": "r", "role": "emperor", "delegate": "nobody", "scope": ["all"], "confirmed": "perhaps"},
    {"reason": "r", "condition": {"any": [{"fact": "amount_inr", "op": "explode"}]}, "quorum": 10**30},
]


def writing_doors() -> Iterator[tuple[str, str]]:
    """Every method that writes, of every route of the API; ids are left as `{…}`."""
    for route in router.urls:
        pattern = str(route.pattern).removeprefix("^").removesuffix("$")
        for method in route.callback.actions:  # type: ignore[union-attr]
            if method not in ("get", "head"):
                yield method, "/api/v1/" + with_places(pattern)


@pytest.mark.parametrize("username", ["priya", "vikram", "meera"])
def test_rubbish_at_every_door_that_writes(api: Any, username: str) -> None:
    client, before = api(username), Entry.objects.count()
    for method, url in sorted(set(writing_doors())):
        places = {"pk": str(uuid4()), "rule_id": "APR-010", "question": str(uuid4()), "route": str(uuid4())}
        places["pk"] = {"tiers": "gold", "business-units": "FIN"}.get(url.split("/")[3], places["pk"])
        for given in RUBBISH:
            answer = getattr(client, method)(url.format(**places), given)
            if url.endswith("/read-all/"):  # it takes no body, and nobody has news yet
                assert answer.status_code < 500
            else:
                refused(answer)
    assert Entry.objects.count() == before
    assert not Case.objects.exists()
