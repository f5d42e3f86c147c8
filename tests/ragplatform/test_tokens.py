"""Whatever a token can be made to say beyond what the portal signs is 401."""

import base64
import json
import time
from collections.abc import Callable
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.ragplatform.conftest import Platform, Signer, Tenant, problem


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def signed(signer: Signer, header: str, payload: str) -> str:
    """A properly signed token over exactly these texts."""
    body = f"{b64(header.encode())}.{b64(payload.encode())}"
    return f"{body}.{b64(signer.key.sign(body.encode()))}"


def header(**changes: Any) -> str:
    return json.dumps({"typ": "at+jwt", "alg": "EdDSA", "kid": "k1", **changes})


def ask(tenant: Tenant, token: str) -> httpx.Response:
    return httpx.get(f"{tenant.platform.url}/v1/usage", headers={"Authorization": f"Bearer {token}"}, timeout=30)


def claims_text(tenant: Tenant, **changes: Any) -> str:
    return json.dumps(tenant.claims(**changes))


def hmac_with_public_key(tenant: Tenant) -> str:
    public = tenant.platform.signer.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    body = f"{b64(header(alg='HS256').encode())}.{b64(claims_text(tenant).encode())}"
    import hashlib
    import hmac

    return f"{body}.{b64(hmac.new(public, body.encode(), hashlib.sha256).digest())}"


def flipped(tenant: Tenant) -> str:
    first, payload, signature = tenant.token().split(".")
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    return f"{first}.{b64(json.dumps({**claims, 'scope': 'admin'}).encode())}.{signature}"


def now() -> int:
    return int(time.time())


FORGED: dict[str, Callable[[Tenant], str]] = {
    "garbage": lambda t: "garbage",
    "two parts": lambda t: t.token().rpartition(".")[0],
    "four parts": lambda t: t.token() + ".x",
    "no signature": lambda t: t.token().rpartition(".")[0] + ".",
    "padding": lambda t: t.token() + "=",
    "tampered claim": flipped,
    "alg none": lambda t: f"{b64(header(alg='none').encode())}.{b64(claims_text(t).encode())}.",
    "alg none, signed": lambda t: signed(t.platform.signer, header(alg="none"), claims_text(t)),
    "key confusion": hmac_with_public_key,
    "another key under our kid": lambda t: Signer(Ed25519PrivateKey.generate()).token(t.claims()),
    "elliptic curve": lambda t: jwt.encode(
        t.claims(), generate_private_key(SECP256R1()), "ES256", headers={"typ": "at+jwt", "kid": "k1"}
    ),
    "unknown kid": lambda t: t.platform.signer.token(t.claims(), {"kid": "k2"}),
    "kid not a string": lambda t: signed(t.platform.signer, header(kid=1), claims_text(t)),
    "no kid": lambda t: signed(t.platform.signer, '{"typ":"at+jwt","alg":"EdDSA"}', claims_text(t)),
    "embedded key": lambda t: signed(t.platform.signer, header(kid="zz", jwk=t.platform.signer.jwk()), claims_text(t)),
    "wrong typ": lambda t: t.platform.signer.token(t.claims(), {"typ": "JWT"}),
    "crit": lambda t: signed(t.platform.signer, header(crit=["exp"]), claims_text(t)),
    "unknown crit": lambda t: signed(t.platform.signer, header(crit=["x"], x=1), claims_text(t)),
    "unencoded payload": lambda t: signed(t.platform.signer, header(b64=False), claims_text(t)),
    "duplicate header": lambda t: signed(t.platform.signer, header()[:-1] + ',"kid":"k1"}', claims_text(t)),
    "duplicate claim": lambda t: signed(t.platform.signer, header(), claims_text(t)[:-1] + ',"scope":"admin"}'),
    "claims not an object": lambda t: signed(t.platform.signer, header(), '["tenant"]'),
    "claims not JSON": lambda t: signed(t.platform.signer, header(), "tenant"),
    "deep": lambda t: signed(t.platform.signer, header(), "[" * 5000),
    "expired": lambda t: t.token(exp=now() - 3600),
    "just expired": lambda t: t.token(exp=now()),
    "no expiry": lambda t: t.token(exp=None),
    "expiry a string": lambda t: t.token(exp=str(now() + 600)),
    "expiry a fraction": lambda t: t.token(exp=now() + 600.5),
    "expiry true": lambda t: t.token(exp=True),
    "expiry infinite": lambda t: signed(t.platform.signer, header(), claims_text(t, exp=float("inf"))),
    "sixteen minutes": lambda t: t.token(exp=now() + 16 * 60),
    "not yet": lambda t: t.token(nbf=now() + 3600),
    "issued in the future": lambda t: t.token(iat=now() + 3600),
    "another audience": lambda t: t.token(aud="bailiwick"),
    "several audiences": lambda t: t.token(aud=["rag-platform", "bailiwick"]),
    "no audience": lambda t: t.token(aud=None),
    "another issuer": lambda t: t.token(iss="http://127.0.0.1:1"),
    "no issuer": lambda t: t.token(iss=None),
    "no tenant": lambda t: t.token(tenant=None),
    "tenant not a UUID": lambda t: t.token(tenant="../../etc/passwd"),
    "tenant in braces": lambda t: t.token(tenant="{" + str(t.id) + "}"),
    "tenant a list": lambda t: t.token(tenant=[str(t.id)]),
    "no subject": lambda t: t.token(sub=None),
    "empty subject": lambda t: t.token(sub=""),
    "scope a list": lambda t: t.token(scope=["read"]),
    "over 8 KB": lambda t: t.token(filler="x" * 8192),
}


@pytest.mark.parametrize("forgery", FORGED)
def test_a_forged_token_is_401(acme: Tenant, forgery: str) -> None:
    answer = ask(acme, FORGED[forgery](acme))
    problem(answer, 401, "invalid-token")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_an_honest_token_is_served(acme: Tenant) -> None:
    assert ask(acme, acme.token()).status_code == 200
    assert ask(acme, acme.token(exp=now() + 899)).status_code == 200


def test_no_credential_is_401(platform: Platform, acme: Tenant) -> None:
    for headers in ({}, {"Authorization": "Basic eDp5"}, {"Authorization": "Bearer"}, {"Authorization": acme.token()}):
        problem(httpx.get(f"{platform.url}/v1/usage", headers=headers), 401, "not-authenticated")


def test_a_rotated_key_is_fetched_and_a_flood_of_unknown_ones_is_not(platform: Platform, acme: Tenant) -> None:
    rotated = Signer(kid="rotated")
    fetched = platform.portal.asked.count("/.well-known/jwks.json")
    for number in range(30):
        problem(ask(acme, Signer(kid=f"unknown-{number}").token(acme.claims())), 401, "invalid-token")
    assert platform.portal.asked.count("/.well-known/jwks.json") - fetched <= 3
    platform.portal.jwks.append(rotated.jwk())
    deadline = time.monotonic() + 10
    while ask(acme, rotated.token(acme.claims())).status_code != 200:
        assert time.monotonic() < deadline
    platform.portal.jwks.pop()


def test_a_scope_is_needed(acme: Tenant) -> None:
    with acme.client(scope="read") as client:
        assert client.get("/v1/documents").status_code == 200
        problem(client.post("/v1/documents", json={"title": "t", "text": "t"}), 403, "scope-missing")
        problem(client.get("/v1/users"), 403, "scope-missing")
    with acme.client(scope="") as client:
        problem(client.get("/v1/documents"), 403, "scope-missing")
    with acme.client(scope=None) as client:
        problem(client.get("/v1/documents"), 403, "scope-missing")


def test_api_keys_are_of_one_tenant_and_can_be_revoked(acme: Tenant, globex: Tenant) -> None:
    def with_key(key: str) -> httpx.Response:
        return httpx.get(f"{acme.platform.url}/v1/usage", headers={"X-API-Key": key.encode()}, timeout=30)

    with acme.client() as client:
        made = client.post("/v1/api-keys", json={"name": "reporting", "scopes": ["read"]}).json()
        assert with_key(made["key"]).json()["tenant_id"] == str(acme.id)
        listed = client.get("/v1/api-keys").text
        assert made["id"] in listed
        assert made["key"] not in listed
        wrong = [
            made["key"][:-1], made["key"] + "x", made["key"].replace(acme.id.hex, globex.id.hex), "bwp__", "bwp",
            f"bwp_{acme.id.hex}_", f"bwp_{'0' * 32}_x", "x" * 5000, made["key"].upper(), "é",
        ]  # fmt: skip
        for key in wrong:
            problem(with_key(key), 401, "invalid-key")
        assert client.delete(f"/v1/api-keys/{made['id']}").status_code == 204
        problem(with_key(made["key"]), 401, "invalid-key")


def test_the_keys_of_whoever_left_end_together(acme: Tenant, globex: Tenant) -> None:
    """Also those made with such a key; never another person's or another tenant's."""

    def works(key: str) -> bool:
        answer = httpx.get(f"{acme.platform.url}/v1/api-keys", headers={"X-API-Key": key}, timeout=30)
        assert answer.status_code in (200, 401), answer.text
        return answer.status_code == 200

    def made(client: httpx.Client) -> str:
        return str(client.post("/v1/api-keys", json={"name": "n", "scopes": ["admin"]}).json()["key"])

    with acme.client(sub="gone") as gone, acme.client(sub="stays") as stays, globex.client(sub="gone") as elsewhere:
        first, other, foreign = made(gone), made(stays), made(elsewhere)
        with httpx.Client(base_url=acme.platform.url, headers={"X-API-Key": first}, timeout=30) as by_key:
            second = made(by_key)
        assert all(map(works, (first, second, other, foreign)))
        assert stays.delete("/v1/api-keys", params={"issued_by": "gone"}).json() == {"revoked": 2}
        assert [works(key) for key in (first, second, other, foreign)] == [False, False, True, True]
        assert stays.delete("/v1/api-keys", params={"issued_by": "gone"}).json() == {"revoked": 0}
        for bad in ({}, {"issued_by": ""}, {"issued_by": "\x00"}, {"issued_by": "x" * 201}):
            assert stays.delete("/v1/api-keys", params=bad).status_code == 422, bad
