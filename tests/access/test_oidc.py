"""Sign-in through an identity provider, against a small real HTTP one with its own key."""

import base64
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt as pyjwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from django.contrib.sessions.backends.db import SessionStore
from django.test import RequestFactory

from portal.access.models import User

CLIENT, NONCE = "bailiwick-portal", "n-1"
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _number(value: int) -> str:
    return base64.urlsafe_b64encode(value.to_bytes((value.bit_length() + 7) // 8, "big")).rstrip(b"=").decode()


class Provider(BaseHTTPRequestHandler):
    """Answers with whatever claims the test has put on the server."""

    def do_GET(self) -> None:
        numbers = KEY.public_key().public_numbers()
        key = {"kty": "RSA", "kid": "k", "alg": "RS256", "n": _number(numbers.n), "e": _number(numbers.e)}
        self._say({"keys": [key]} if self.path == "/jwks" else self.server.user_info)  # type: ignore[attr-defined]

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        token = pyjwt.encode(self.server.id_token, KEY, "RS256", headers={"kid": "k"})  # type: ignore[attr-defined]
        self._say({"access_token": "a", "id_token": token, "token_type": "Bearer"})

    def _say(self, body: Any) -> None:
        raw = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, *args: Any) -> None:
        """Quiet."""


@pytest.fixture
def provider(settings: Any, shipped: None) -> Iterator[Any]:
    server: Any = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
    url = f"http://127.0.0.1:{server.server_port}"
    server.id_token = {"iss": url, "aud": CLIENT, "sub": "s1", "nonce": NONCE, "exp": int(time.time()) + 300}
    server.user_info = {"sub": "s1", "email": "Meera@Example.com", "email_verified": True}
    for name, value in {
        "OIDC_OP_ISSUER": url,
        "OIDC_OP_JWKS_ENDPOINT": f"{url}/jwks",
        "OIDC_OP_TOKEN_ENDPOINT": f"{url}/token",
        "OIDC_OP_USER_ENDPOINT": f"{url}/me",
        "OIDC_RP_CLIENT_ID": CLIENT,
        "OIDC_RP_CLIENT_SECRET": "s",
        "OIDC_RP_SIGN_ALGO": "RS256",
        "OIDC_RP_SCOPES": "openid email profile",
        "OIDC_CREATE_USER": False,
        "OIDC_AUTHENTICATION_CALLBACK_URL": "admin:index",
    }.items():
        setattr(settings, name, value)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def sign_in() -> User | None:
    from portal.access.oidc import Backend

    request = RequestFactory().get("/oidc/callback/", {"code": "c", "state": "s"})
    request.session = SessionStore()
    return Backend().authenticate(request, nonce=NONCE)  # type: ignore[no-any-return]


def test_a_known_person_is_let_in(provider: Any) -> None:
    assert sign_in() == User.objects.get(username="meera")


@pytest.mark.parametrize(
    ("where", "claims"),
    [
        ("id_token", {"aud": "somebody-else"}),
        ("id_token", {"aud": ["somebody-else"]}),
        ("id_token", {"iss": "https://evil.example"}),
        ("id_token", {"exp": 1}),
        ("id_token", {"exp": None}),
        ("id_token", {"azp": "somebody-else"}),
        ("user_info", {"sub": "s2"}),
        ("user_info", {"email_verified": False}),
        ("user_info", {"email_verified": "true"}),
        ("user_info", {"email": "stranger@example.com"}),
        ("user_info", {"email": ""}),
    ],
)
def test_others_are_not_and_no_account_is_made(provider: Any, where: str, claims: dict[str, Any]) -> None:
    getattr(provider, where).update(claims)
    before = User.objects.count()
    assert sign_in() is None
    assert User.objects.count() == before


def test_a_disabled_account_stays_out(provider: Any) -> None:
    User.objects.filter(username="meera").update(is_active=False)
    assert sign_in() is None
