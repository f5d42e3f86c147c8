"""Every answer carries the strict headers: pages, errors of every kind, the API, static files, the documentation."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.urls import path
from rest_framework.test import APIClient
from rest_framework.views import APIView

from portal.urls import urlpatterns as routes
from tests.admin.world import World, build

PROJECT = Path(__file__).resolve().parents[2]
POLICY = "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"
ALWAYS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}


def breaks(request: Any) -> None:
    raise RuntimeError("the canary of this test")


class Breaks(APIView):
    permission_classes: list[Any] = []
    authentication_classes: list[Any] = []

    def get(self, request: Any) -> None:
        raise RuntimeError("the canary of this test")


urlpatterns = [path("breaks/", breaks), path("api/v1/breaks/", Breaks.as_view()), *routes]
handler400, handler403 = "portal.lib.failures.bad_request", "portal.lib.failures.permission_denied"
handler404, handler500 = "portal.lib.failures.page_not_found", "portal.lib.failures.server_error"


@pytest.fixture
def world(shipped: None) -> World:
    return build()


def client(username: str = "", **more: Any) -> Client:
    from portal.access.models import User

    found = Client(raise_request_exception=False, **more)
    if username:
        found.force_login(User.objects.get(username=username))
    return found


def answers(world: World) -> dict[str, Any]:
    """One of each kind of answer, by name; `name` begins with the status it must have."""
    nobody, priya, strict = client(), client("priya"), client("priya", enforce_csrf_checks=True)
    api = APIClient(raise_request_exception=False)
    large = "x" * 1_100_000
    sign_in = "/api/v1/auth/token"
    return {
        "200 sign-in": nobody.get("/login/"),
        "200 home": priya.get("/"),
        "200 list": priya.get("/tenants/"),
        "200 export": priya.get("/tenants/export.csv"),
        "200 object": client("meera").get(f"/tenants/{world.tenant.pk}/"),
        "302 signed out": nobody.get("/tenants/"),
        "403 csrf": strict.post("/theme/", {"theme": "dark"}),
        "403 page": client("nadia").get("/people/"),
        "404 page": priya.get("/no-such-page/"),
        "404 object": priya.get("/tenants/00000000-0000-7000-8000-000000000000/"),
        "405 page": priya.get("/logout/"),
        "400 host": nobody.get("/login/", HTTP_HOST="evil.example"),
        "400 host of the API": nobody.get("/api/v1/me", HTTP_HOST="evil.example"),
        "413 page": nobody.post("/login/", {"username": large, "password": "x"}),
        "400 fields": nobody.post("/login/", {f"f{number}": "" for number in range(600)}),
        "500 page": nobody.get("/breaks/"),
        "500 API": api.get("/api/v1/breaks/"),
        "401 API": api.get("/api/v1/me"),
        "404 API": api.get("/api/v1/nothing/"),
        "404 machine": api.get("/v1/nothing"),
        "405 API": api.delete(sign_in),
        "406 API": api.get("/api/v1/me", HTTP_ACCEPT="text/html"),
        "413 API": api.post(sign_in, json.dumps({"username": large}), content_type="application/json"),
        "415 API": api.post(sign_in, "<a/>", content_type="text/xml"),
        "400 API": api.post(sign_in, "{", content_type="application/json"),
        "200 schema": nobody.get("/api/schema/"),
        "200 documentation": nobody.get("/api/docs/"),
        "200 documentation style": nobody.get("/api/docs/style.css"),
        "200 keys": nobody.get("/.well-known/jwks.json"),
        "200 liveness": nobody.get("/health/live"),
        "200 metrics": nobody.get("/metrics"),
        "200 static": nobody.get("/static/bailiwick.css"),
        "404 static": nobody.get("/static/no-such.css"),
    }


@pytest.mark.urls("tests.security.test_headers")
def test_every_answer(world: World) -> None:
    for name, answer in answers(world).items():
        assert answer.status_code == int(name[:3]), (name, answer.status_code)
        missing = {key: answer.headers.get(key) for key, value in ALWAYS.items() if answer.headers.get(key) != value}
        assert not missing, (name, missing)
        assert "camera=()" in answer.headers["Permissions-Policy"], name
        assert answer.headers["X-Request-Id"], name
        assert b"canary" not in getattr(answer, "content", b""), name
        kept = ("max-age" in answer.headers["Cache-Control"] and "static" in name) or "style" in name
        assert kept or "no-store" in answer.headers["Cache-Control"], (name, answer.headers["Cache-Control"])
        if "API" in name or "machine" in name:
            assert answer["Content-Type"] == "application/problem+json", name


def test_the_cookies(shipped: None) -> None:
    visitor = Client()
    visitor.post("/login/", {"username": "priya", "password": "bailiwick-demo-only"})
    visitor.post("/theme/", {"theme": "dark"})
    session = visitor.cookies[settings.SESSION_COOKIE_NAME]
    assert session["httponly"] and session["samesite"] == "Lax" and session["path"] == "/" and not session["domain"]
    assert visitor.cookies["theme"]["samesite"] == "Lax"


def test_signing_in_changes_the_session(shipped: None) -> None:
    """A session key that somebody planted is worth nothing afterwards."""
    visitor = Client()
    visitor.cookies[settings.SESSION_COOKIE_NAME] = "planted0123456789planted01234567"
    visitor.post("/login/", {"username": "priya", "password": "bailiwick-demo-only"})
    assert visitor.cookies[settings.SESSION_COOKIE_NAME].value != "planted0123456789planted01234567"
    other = Client()
    other.cookies[settings.SESSION_COOKIE_NAME] = "planted0123456789planted01234567"
    assert other.get("/").status_code == 302


@pytest.mark.parametrize(
    ("proxies", "told", "believed"),
    [
        (0, "198.51.100.1", "203.0.113.9"),
        (1, "198.51.100.1", "198.51.100.1"),
        (1, "10.0.0.1, 198.51.100.1", "198.51.100.1"),
        (2, "198.51.100.1, 203.0.113.5", "198.51.100.1"),
        (2, "198.51.100.1", "203.0.113.9"),
        (1, "<script>", "203.0.113.9"),
        (1, "", "203.0.113.9"),
    ],
)
def test_nobody_names_their_own_address(shipped: None, settings: Any, proxies: int, told: str, believed: str) -> None:
    """Seen by whom the throttle counts: the believed address is full afterwards."""
    settings.TRUSTED_PROXIES, settings.SIGNIN_FAILURES_PER_ADDRESS = proxies, 1
    where = {"REMOTE_ADDR": "203.0.113.9", "HTTP_X_FORWARDED_FOR": told}
    given = {"username": "nobody", "password": "wrong"}
    assert APIClient().post("/api/v1/auth/token", given, **where).status_code == 401
    settings.TRUSTED_PROXIES = 0
    full = APIClient().post("/api/v1/auth/token", {**given, "username": "other"}, REMOTE_ADDR=believed)
    assert full.status_code == 429


ASKS = """
import json, sys
from django.conf import settings
from django.test import Client
from django.http import HttpResponse
def ask(path, **more):
    answer = Client(raise_request_exception=False).get(path, **more)
    return {"status": answer.status_code, "headers": dict(answer.headers), "cookies": answer.cookies.output()}
names = ("SESSION_COOKIE_NAME", "CSRF_COOKIE_NAME", "SESSION_COOKIE_SECURE", "CSRF_COOKIE_SECURE", "DEBUG",
         "SESSION_COOKIE_HTTPONLY", "SECURE_HSTS_SECONDS", "TRUSTED_PROXIES", "USE_X_FORWARDED_HOST")
print("FOUND" + json.dumps({
    "settings": {name: getattr(settings, name) for name in names},
    "plain": ask("/login/"),
    "secure": ask("/login/", secure=True),
    "claimed": ask("/login/", HTTP_X_FORWARDED_PROTO="https"),
    "host": ask("/login/", secure=True, HTTP_HOST="evil.example"),
    "forwarded host": ask("/login/", secure=True, HTTP_X_FORWARDED_HOST="evil.example"),
    "missing": ask("/nothing", secure=True),
}))
"""


def in_production(home: Path, **more: str) -> dict[str, Any]:
    """What a production process answers; it has no database and needs none for this."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "PYTHONPATH") if name in os.environ}
    env = {
        **kept,
        "BAILIWICK_EMBEDDED": "0",
        "DATABASE_URL": "postgresql://app@127.0.0.1:1/none",
        "DJANGO_SECRET_KEY": "0123456789" * 6,
        "BAILIWICK_ALLOWED_HOSTS": "testserver",
        "BAILIWICK_HOME": str(home),
        "BAILIWICK_SECRETS_DIR": str(home),
        **more,
    }
    for arguments in (["collectstatic", "--noinput", "-v", "0"], ["shell", "--no-imports", "-c", ASKS]):
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments], cwd=PROJECT, env=env, capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.partition("FOUND")[2])
    return found


def test_in_production(tmp_path: Path) -> None:
    found = in_production(tmp_path)
    assert found["settings"] == {
        "SESSION_COOKIE_NAME": "__Host-session",
        "CSRF_COOKIE_NAME": "__Host-csrf",
        "SESSION_COOKIE_SECURE": True,
        "CSRF_COOKIE_SECURE": True,
        "SESSION_COOKIE_HTTPONLY": True,
        "SECURE_HSTS_SECONDS": 31_536_000,
        "DEBUG": False,
        "TRUSTED_PROXIES": 0,
        "USE_X_FORWARDED_HOST": False,
    }
    assert found["plain"]["status"] == 301 and found["plain"]["headers"]["Location"].startswith("https://")
    assert found["claimed"]["status"] == 301, "X-Forwarded-Proto is believed from nobody by default"
    assert found["host"]["status"] == 400
    assert found["forwarded host"]["status"] == 200 and "evil" not in json.dumps(found["forwarded host"])
    for name in ("secure", "missing"):
        assert found[name]["headers"]["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains; preload"
    for name in ("plain", "secure", "host", "missing"):
        assert found[name]["headers"]["Content-Security-Policy"] == POLICY, name
    cookie = found["secure"]["cookies"]
    for part in ("__Host-csrf=", "Secure", "HttpOnly", "SameSite=Lax", "Path=/"):
        assert part in cookie, cookie
    assert "Domain" not in cookie


def test_behind_a_trusted_proxy(tmp_path: Path) -> None:
    found = in_production(tmp_path, BAILIWICK_TRUST_PROXY="1")
    assert found["claimed"]["status"] == 200 and found["plain"]["status"] == 301
    assert "evil" not in json.dumps(found["forwarded host"])
