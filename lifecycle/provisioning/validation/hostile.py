"""Tokens no platform may accept, each wrong in one way only."""

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import httpx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from lifecycle.provisioning.validation import http
from lifecycle.provisioning.validation.findings import CouldNotRun
from lifecycle.provisioning.validation.target import Target

FAR_SECONDS = 3600


def tokens(target: Target, stranger: UUID) -> Iterator[tuple[str, str]]:
    """Yield what is wrong and the token. `stranger` is a tenant that exists and is not this one."""
    honest = target.token(tenant_id=target.tenant_id)
    header, claims, signature = _parts(honest)
    public = _public_key(target, str(header.get("kid")))
    yield "tampered tenant", _joined(header, {**claims, "tenant": str(stranger)}, signature)
    yield "tampered scope", _joined(header, {**claims, "scope": "admin"}, signature)
    yield "tampered expiry", _joined(header, {**claims, "exp": int(claims["exp"]) + 600}, signature)
    yield "signature cut off", honest.rpartition(".")[0] + "."
    yield "algorithm none", _joined({**header, "alg": "none"}, claims, "")
    yield "algorithm none, signature kept", _joined({**header, "alg": "none"}, claims, signature)
    yield "algorithm nOnE", _joined({**header, "alg": "nOnE"}, claims, "")
    for form, secret in _secrets(public):
        yield f"HS256 with the public key ({form})", _hs256({**header, "alg": "HS256"}, claims, secret)
    foreign = Ed25519PrivateKey.generate()
    yield "foreign key under our key id", _signed(header, claims, foreign)
    yield "foreign key under its own id", _signed({**header, "kid": "bw-validation"}, claims, foreign)
    yield "key brought along in the header", _signed({**header, "jwk": _jwk(foreign.public_key())}, claims, foreign)
    yield "expired", target.token(tenant_id=target.tenant_id, expires_in=-60)
    yield "expiry far ahead", target.token(tenant_id=target.tenant_id, expires_in=FAR_SECONDS)
    yield "another audience", target.token(tenant_id=target.tenant_id, audience="bailiwick")
    yield "another issuer", target.token(tenant_id=target.tenant_id, issuer="https://issuer.invalid")


def _public_key(target: Target, kid: str) -> Ed25519PublicKey:
    """The portal's published key, which an attacker has too."""
    where = f"{target.issuer}/.well-known/jwks.json"
    try:
        with http.client() as client:
            published = client.get(where).raise_for_status().json()["keys"]
    except (httpx.HTTPError, ValueError, KeyError) as error:
        raise CouldNotRun(f"the portal's keys at {where} cannot be read: {type(error).__name__} {error}") from error
    for jwk in published:
        if jwk.get("kid") == kid and jwk.get("crv") == "Ed25519":
            return Ed25519PublicKey.from_public_bytes(_unbase64(jwk["x"]))
    raise CouldNotRun(f"the portal does not publish the key {kid} its tokens name")


def _secrets(public: Ed25519PublicKey) -> list[tuple[str, bytes]]:
    raw = public.public_bytes(Encoding.Raw, PublicFormat.Raw)
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return [("raw", raw), ("PEM", pem), ("JWK", json.dumps(_jwk(public)).encode())]


def _jwk(public: Ed25519PublicKey) -> dict[str, str]:
    return {"crv": "Ed25519", "kty": "OKP", "x": _base64(public.public_bytes(Encoding.Raw, PublicFormat.Raw))}


def _hs256(header: dict[str, Any], claims: dict[str, Any], secret: bytes) -> str:
    unsigned = _unsigned(header, claims)
    return f"{unsigned}.{_base64(hmac.digest(secret, unsigned.encode(), hashlib.sha256))}"


def _signed(header: dict[str, Any], claims: dict[str, Any], key: Ed25519PrivateKey) -> str:
    unsigned = _unsigned(header, claims)
    return f"{unsigned}.{_base64(key.sign(unsigned.encode()))}"


def _joined(header: dict[str, Any], claims: dict[str, Any], signature: str) -> str:
    return f"{_unsigned(header, claims)}.{signature}"


def _unsigned(header: dict[str, Any], claims: dict[str, Any]) -> str:
    return ".".join(_base64(json.dumps(part, separators=(",", ":")).encode()) for part in (header, claims))


def _parts(token: str) -> tuple[dict[str, Any], dict[str, Any], str]:
    header, claims, signature = token.split(".")
    return json.loads(_unbase64(header)), json.loads(_unbase64(claims)), signature


def _base64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _unbase64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
