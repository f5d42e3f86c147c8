"""The door: limits, leases, shapes, sessions, figures and logs."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import boto3
import httpx
import pytest
import redis

from lifecycle.stores.postgres import fences
from tests.ragplatform.conftest import Platform, Tenant, ingest, make_tenant, problem
from tests.registry_server import snapshot

DOCUMENT = {"title": "t", "text": "some words"}


@pytest.mark.parametrize("status", ["suspended", "erasing"])
def test_a_tenant_that_is_not_active_is_refused_within_the_lease(fresh: Tenant, status: str) -> None:
    with fresh.client() as client:
        assert client.get("/v1/usage").status_code == 200
        fresh.publish(status=status)
        for answer in (client.get("/v1/usage"), client.post("/v1/documents", json=DOCUMENT)):
            assert status in problem(answer, 403, "tenant-not-active")["detail"]
        fresh.publish(status="active")
        assert client.get("/v1/usage").status_code == 200


def test_a_write_that_the_suspension_overtook_is_refused_by_the_store(fresh: Tenant) -> None:
    with fresh.client() as client:
        assert fences.set_suspended(fresh.platform.region, fresh.id, True, 1)  # and the platform has not heard of it
        problem(client.post("/v1/documents", json=DOCUMENT), 403, "tenant-not-active")
        assert fences.set_suspended(fresh.platform.region, fresh.id, False, 2)
        ingest(client, "Back", "It is served again.")


def test_an_unknown_tenant_is_refused(platform: Platform, acme: Tenant) -> None:
    with acme.client(tenant=str(uuid4())) as client:
        problem(client.get("/v1/usage"), 403, "tenant-unknown")


def test_an_unreachable_portal_refuses_once_the_lease_is_over(platform: Platform, fresh: Tenant) -> None:
    with fresh.client() as client:
        assert client.get("/v1/usage").status_code == 200
        platform.portal.raw = b"<html>maintenance</html>"
        try:
            time.sleep(2.05)
            answer = client.get("/v1/usage")
            problem(answer, 503, "unavailable")
            assert int(answer.headers["Retry-After"]) > 0
        finally:
            platform.portal.raw = None
        while client.get("/v1/usage").status_code == 503:  # for as long as the client spares a portal that was away
            pass
        assert client.get("/v1/usage").status_code == 200


def test_a_tenant_of_a_region_without_a_platform_is_refused_with_its_name(fresh: Tenant) -> None:
    fresh.publish(region="us-east-1")
    with fresh.client() as client:
        assert problem(client.get("/v1/usage"), 421, "wrong-region")["region"] == "us-east-1"


def test_a_tenant_without_a_binding_is_not_served(platform: Platform, fresh: Tenant) -> None:
    platform.bindings.remove(fresh.id)
    with fresh.client() as client:
        problem(client.get("/v1/usage"), 503, "unavailable")


@pytest.mark.parametrize("status", ["provisioning", "suspended"])
def test_under_validation_only_the_validation_suite_is_served(fresh: Tenant, status: str) -> None:
    fresh.publish(status=status, validating=True)
    with fresh.client() as client:
        problem(client.get("/v1/usage"), 403, "tenant-not-active")
    with fresh.client(scope="validate") as client:
        made = ingest(client, "Probe", "A probe of the validation suite.")
        assert client.delete(f"/v1/documents/{made['id']}").status_code == 204
    snapshots = fresh.platform.portal.snapshots
    known = snapshots[str(fresh.id)]
    active = {"status": "active", "validating": False, "status_version": known["status_version"] + 1}
    snapshots[str(fresh.id)] = {**known, **active}
    with fresh.client() as client:
        assert client.get("/v1/usage").status_code == 200  # from the first moment, whatever lease is held


def test_requests_a_minute_are_limited(fresh: Tenant) -> None:
    fresh.publish(limits={"requests_per_minute": 20})
    with fresh.client() as client, ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: client.get("/v1/usage"), range(40)))
        assert [answer.status_code for answer in answers].count(200) == 20
        refused = next(answer for answer in answers if answer.status_code == 429)
        body = problem(refused, 429, "rate-limited")
        assert (body["limit"], body["used"], body["left"]) == (20, 20, 0)
        seconds = int(refused.headers["Retry-After"])
        assert 1 <= seconds <= 60 and refused.headers["RateLimit"] == f'"minute";r=0;t={seconds}'
        resets_at = datetime.fromisoformat(body["resets_at"])
        assert timedelta(0) < resets_at - datetime.now(UTC) + timedelta(seconds=5) < timedelta(seconds=70)


def test_what_is_left_of_the_minute_is_said_and_follows_the_snapshot(fresh: Tenant) -> None:
    fresh.publish(limits={"requests_per_minute": 5000})
    deadline = time.monotonic() + 120
    with fresh.client() as client:
        answer = client.get("/v1/usage")
        told = answer.headers["RateLimit-Policy"], answer.headers["RateLimit"]
        assert told == ('"minute";q=5000;w=60', '"minute";r=4999')
        fresh.publish(limits={"requests_per_minute": 1})
        while "q=5000;" in answer.headers["RateLimit-Policy"] and time.monotonic() < deadline:
            answer = client.get("/v1/usage")
        body = problem(answer, 429, "rate-limited")
        assert (body["limit"], body["left"]) == (1, 0), "a smaller tier counts what was asked before it"


def test_queries_a_day_are_limited_and_remembered_by_the_rows(platform: Platform, fresh: Tenant) -> None:
    fresh.publish(limits={"max_queries_per_day": 5})
    with fresh.client() as client:
        left = [client.post("/v1/query", json={"q": f"question {n}"}).json()["queries_left_today"] for n in range(5)]
        assert left == [4, 3, 2, 1, 0]
        answer = client.post("/v1/query", json={"q": "one more"})
        body = problem(answer, 429, "daily-queries-used-up")
        assert (body["limit"], body["used"], body["left"]) == (5, 5, 0)
        assert '"day";r=0;t=' + answer.headers["Retry-After"] in answer.headers["RateLimit"]
        assert '"minute";r=' in answer.headers["RateLimit"], "both quotas are told"
        assert body["resets_at"].endswith("00:00:00+00:00")
        forget_cache(fresh)
        problem(client.post("/v1/query", json={"q": "after the cache lost its memory"}), 429, "daily-queries-used-up")
        assert client.get("/v1/usage").json()["queries_today"] == 5


def forget_cache(tenant: Tenant) -> None:
    cache = tenant.platform.region.cache
    with redis.Redis(host=cache.host, port=cache.port, password=cache.admin_password) as admin:
        for key in admin.scan_iter(match=tenant.binding.cache_prefix + "*"):
            admin.delete(key)


def test_everything_in_the_cache_is_under_the_tenants_prefix(fresh: Tenant) -> None:
    with fresh.client() as client:
        ingest(client, "T", "words to be found")
        user = client.post("/v1/users", json={"email": "a@example.org"}).json()["id"]
        client.post("/v1/sessions", json={"user_id": user})
        client.post("/v1/query", json={"q": "words"})
    cache = fresh.platform.region.cache
    with redis.Redis(host=cache.host, port=cache.port, password=cache.admin_password, decode_responses=True) as admin:
        keys = [key for key in admin.scan_iter(match="*") if fresh.id.hex in key]
    kinds = {":".join(key.removeprefix(fresh.binding.cache_prefix).split(":")[:2]) for key in keys}
    assert all(key.startswith(fresh.binding.cache_prefix) for key in keys)
    assert kinds == {"rate", "1:queries", "1:answer", "1:generation", "1:session"}, "all else at its epoch"


def test_a_session_acts_as_its_user_until_it_ends(fresh: Tenant) -> None:
    with fresh.client() as admin:
        user = admin.post("/v1/users", json={"email": "a@example.org", "display_name": "Asha"}).json()["id"]
        own = ingest(admin, "Own", "For one person only.", access=[user])
        session = admin.post("/v1/sessions", json={"user_id": user}).json()
    path = f"/v1/documents/{own['id']}"
    with fresh.client(scope="read write") as client:
        problem(client.get(path), 404, "not-found")
        headers = {"X-Session": session["token"]}
        assert client.get(path, headers=headers).status_code == 200
        forget_cache(fresh)
        assert client.get(path, headers=headers).status_code == 200, "the row knows what the cache forgot"
        problem(client.get(path, headers={"X-Session": "x"}), 401, "invalid-session")
        assert client.delete(f"/v1/sessions/{session['id']}").status_code == 204
        problem(client.get(path, headers=headers), 401, "invalid-session")
        problem(client.delete(f"/v1/sessions/{session['id']}"), 404, "not-found")


def test_users_are_limited_and_unique(fresh: Tenant) -> None:
    fresh.publish(limits={"max_users": 2})
    with fresh.client() as client:
        first = client.post("/v1/users", json={"email": "a@example.org"}).json()
        problem(client.post("/v1/users", json={"email": "a@example.org"}), 409, "email-taken")
        assert client.post("/v1/users", json={"email": "b@example.org"}).status_code == 201
        full = client.post("/v1/users", json={"email": "c@example.org"})
        body = problem(full, 429, "user-limit")
        assert (body["limit"], body["used"], body["left"], body["resets_at"]) == (2, 2, 0, None)
        assert "Retry-After" not in full.headers, "waiting does not help"
        assert len(client.get("/v1/users").json()["users"]) == 2
        session = client.post("/v1/sessions", json={"user_id": first["id"]}).json()["token"]
        assert client.delete(f"/v1/users/{first['id']}").status_code == 204
        problem(client.get("/v1/usage", headers={"X-Session": session}), 401, "invalid-session")
        problem(client.delete(f"/v1/users/{first['id']}"), 404, "not-found")
        assert client.post("/v1/users", json={"email": "c@example.org"}).status_code == 201


BAD_BODIES: list[tuple[str, Any]] = [
    ("/v1/documents", {}),
    ("/v1/documents", {"title": "t"}),
    ("/v1/documents", {"title": "t", "text": ""}),
    ("/v1/documents", {"title": "t", "text": "   \n"}),
    ("/v1/documents", {"title": "", "text": "t"}),
    ("/v1/documents", {"title": "t" * 501, "text": "t"}),
    ("/v1/documents", {"title": 7, "text": "t"}),
    ("/v1/documents", {"title": None, "text": "t"}),
    ("/v1/documents", {"title": "t\x00", "text": "t"}),
    ("/v1/documents", {"title": "t", "text": "a\x00b"}),
    ("/v1/documents", {**DOCUMENT, "tenant_id": str(uuid4())}),
    ("/v1/documents", {**DOCUMENT, "id": "1"}),
    ("/v1/documents", {**DOCUMENT, "media_type": "text"}),
    ("/v1/documents", {**DOCUMENT, "media_type": "text/html\r\nX: y"}),
    ("/v1/documents", {**DOCUMENT, "owner_user_id": str(uuid4())}),
    ("/v1/documents", {**DOCUMENT, "access": "nobody"}),
    ("/v1/documents", {**DOCUMENT, "access": ["x"]}),
    ("/v1/documents", {**DOCUMENT, "access": [[]]}),
    ("/v1/documents", {**DOCUMENT, "access": {"a": 1}}),
    ("/v1/query", {}),
    ("/v1/query", {"q": ""}),
    ("/v1/query", {"q": "x" * 2001}),
    ("/v1/query", {"q": ["x"]}),
    ("/v1/query", {"q": "x", "k": 0}),
    ("/v1/query", {"q": "x", "k": 21}),
    ("/v1/query", {"q": "x", "k": True}),
    ("/v1/query", {"q": "x", "k": 1.5}),
    ("/v1/query", {"q": "x", "k": "3"}),
    ("/v1/query", {"q": "x", "k": 10**40}),
    ("/v1/users", {"email": "x"}),
    ("/v1/users", {"email": "a@b\n"}),
    ("/v1/users", {"email": "a@" + "b" * 300}),
    ("/v1/sessions", {"user_id": str(uuid4())}),
    ("/v1/sessions", {"user_id": None}),
    ("/v1/sessions", {"user_id": str(uuid4()), "seconds": 59}),
    ("/v1/api-keys", {"name": "n", "scopes": []}),
    ("/v1/api-keys", {"name": "n", "scopes": ["root"]}),
    ("/v1/api-keys", {"name": "n", "scopes": [[]]}),
    ("/v1/api-keys", {"name": "n", "scopes": "read"}),
]


@pytest.mark.parametrize(("path", "body"), BAD_BODIES)
def test_a_misshapen_body_is_422_and_says_what_is_wanted(acme: Tenant, path: str, body: Any) -> None:
    with acme.client() as client:
        problem(client.post(path, json=body), 422, "invalid")


@pytest.mark.parametrize("path", ["/v1/documents", "/v1/query", "/v1/users", "/v1/sessions", "/v1/api-keys"])
def test_what_is_no_json_object_is_a_4xx(acme: Tenant, path: str) -> None:
    json_type = {"Content-Type": "application/json"}
    with acme.client() as client:
        for raw in (b"", b"{", b"\xff\xfe", b"[" * 100_000, b'{"q": NaN}', b'{"q": 1e999, "k": Infinity}'):
            problem(client.post(path, content=raw, headers=json_type), 400, "not-json")
        for raw in (b"[]", b"null", b'"x"', b"7"):
            problem(client.post(path, content=raw, headers=json_type), 422, "invalid")
        problem(
            client.post(path, content=b'{"title":"\\ud800","text":"t","q":"\\ud800"}', headers=json_type),
            422,
            "invalid",
        )
        for content_type in ("text/plain", "", "application/x-www-form-urlencoded", "multipart/form-data"):
            refused = client.post(path, content=b"{}", headers={"Content-Type": content_type})
            problem(refused, 415, "unsupported-media-type")


def test_a_huge_body_is_413(acme: Tenant) -> None:
    with acme.client() as client:
        raw = b'{"title":"t","text":"' + b"x" * (8 * 1024 * 1024) + b'"}'
        problem(
            client.post("/v1/documents", content=raw, headers={"Content-Type": "application/json"}),
            413,
            "request-entity-too-large",
        )

        def chunks() -> Any:
            yield from (raw[start : start + 65536] for start in range(0, len(raw), 65536))

        answer = client.post("/v1/documents", content=chunks(), headers={"Content-Type": "application/json"})
        assert answer.status_code == 413


def test_unknown_addresses_and_methods(acme: Tenant) -> None:
    with acme.client() as client:
        problem(client.get("/v2/documents"), 404, "not-found")
        answer = client.put("/v1/documents", json={})
        problem(answer, 405, "method-not-allowed")
        assert "POST" in answer.headers["Allow"]


def test_health_and_figures(platform: Platform, fresh: Tenant) -> None:
    with fresh.client() as client:
        ingest(client, "T", "a figure in a table")
        client.post("/v1/query", json={"q": "figure"})
    assert httpx.get(f"{platform.url}/health/live").json() == {"status": "ok"}
    assert httpx.get(f"{platform.url}/health/ready").json() == {
        "region": platform.region.name, "database": True, "cache": True,
    }  # fmt: skip
    figures = httpx.get(f"{platform.url}/metrics").text
    assert f'rag_documents{{tenant="{fresh.id}"}} 1.0' in figures
    assert f'query_latency_count{{tenant="{fresh.id}"}} 1.0' in figures
    assert f'rag_requests_total{{route="POST /v1/query",status="200",tenant="{fresh.id}"}} 1.0' in figures


def test_log_lines_reach_the_tenants_group_and_name_nobody(platform: Platform) -> None:
    tenant = make_tenant(platform)
    with tenant.client() as client:
        client.post("/v1/users", json={"email": "asha@example.org", "display_name": "Asha Rao"})
        made = ingest(client, "Secret title", "Secret words", source="secret-source")
        client.post("/v1/query", json={"q": "secret question"})
    lines = log_lines(tenant, "document.ingested")
    text = json.dumps(lines)
    assert made["id"] in text
    assert {line["event"] for line in lines} == {"request", "user.added", "document.ingested"}
    for personal in ("asha", "Asha", "Secret", "secret"):
        assert personal not in text


def log_lines(tenant: Tenant, wanted: str) -> list[dict[str, Any]]:
    region = tenant.platform.region
    logs = boto3.client(
        "logs",
        region_name=region.name,
        endpoint_url=region.aws.endpoint_url,
        aws_access_key_id=region.aws.access_key_id,
        aws_secret_access_key=region.aws.secret_access_key,
    )
    deadline = time.monotonic() + 15
    while True:
        events = logs.filter_log_events(logGroupName=tenant.binding.log_group)["events"]
        lines = [json.loads(event["message"]) for event in events]
        if sum(line["event"] == "request" for line in lines) >= 3 and any(line["event"] == wanted for line in lines):
            return lines
        assert time.monotonic() < deadline, lines
        time.sleep(0.1)


def test_stopping_delivers_the_last_log_lines(platform: Platform, fresh: Tenant) -> None:
    with fresh.client() as client:
        for number in range(3):
            ingest(client, f"T{number}", "last words")
    platform.stop()
    platform.start()
    assert sum(line["event"] == "document.ingested" for line in log_lines(fresh, "document.ingested")) == 3
    with fresh.client() as client:
        assert client.get("/v1/usage").json()["documents"] == 3
    platform.portal.snapshots[str(fresh.id)] = snapshot(str(fresh.id), region=platform.region.name, status_version=9)
