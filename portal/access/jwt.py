"""Access tokens (RFC 9068 profile of RFC 7519): EdDSA only, short-lived, strict on the way in."""

import base64
import binascii
import hashlib
import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import jwt as pyjwt
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.conf import settings

from portal.lib.clock import now
from portal.lib.ids import new_id
from portal.lib.keys import ed25519

TYP, ALGORITHM = "at+jwt", "EdDSA"
MAX_BYTES, MAX_LIFE = 8192, timedelta(minutes=15)
PORTAL_AUDIENCE, PLATFORM_AUDIENCE = "bailiwick", "rag-platform"


class Refused(Exception):
    """The token is not one of ours, or no longer."""


@dataclass(frozen=True)
class Claims:
    """What a verified token says."""

    subject: str
    scopes: frozenset[str] | None
    via: str = "jwt"
    epoch: int = 0
    token: str = ""  # the API token's id, where it was one


def _key() -> Any:
    return ed25519(settings.SECRETS_DIR / "jwt_ed25519.pem", settings.CREATE_SECRETS)


def public_jwk() -> dict[str, str]:
    """The verification key as a JWK (RFC 8037); `kid` is the RFC 7638 thumbprint."""
    raw = _key().public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    jwk = {"crv": "Ed25519", "kty": "OKP", "x": base64.urlsafe_b64encode(raw).rstrip(b"=").decode()}
    thumb = hashlib.sha256(json.dumps(jwk, sort_keys=True, separators=(",", ":")).encode()).digest()
    return {**jwk, "alg": ALGORITHM, "use": "sig", "kid": base64.urlsafe_b64encode(thumb).rstrip(b"=").decode()}


def mint(subject: str, *, audience: str = PORTAL_AUDIENCE, life: timedelta = MAX_LIFE, **claims: Any) -> str:
    """Sign a token for `subject`, valid for `life` (at most 15 minutes)."""
    seconds = int(min(life, MAX_LIFE).total_seconds())
    return sign(subject, audience=audience, issuer=settings.PUBLIC_URL, seconds=seconds, **claims)


def sign(subject: str, *, audience: str, issuer: str, seconds: int, **claims: Any) -> str:
    """Sign these claims as they are, without the cap of `mint`: for the suite that shows verifiers wrong claims."""
    at = int(now().timestamp())
    body = {"iss": issuer, "aud": audience, "sub": subject, "iat": at, "exp": at + seconds, "jti": str(new_id())}
    return pyjwt.encode({**body, **claims}, _key(), ALGORITHM, headers={"typ": TYP, "kid": public_jwk()["kid"]})


def verify(token: str, *, audience: str = PORTAL_AUDIENCE) -> dict[str, Any]:
    """Return the claims of a token signed by us, or raise Refused.

    Refuses: over 8 KB, duplicate JSON keys, any `crit`, another `typ`, `kid` or algorithm, a wrong issuer or
    audience, an expiry missing, past, or more than 15 minutes ahead. Keys that a header brings along are not looked at.
    """
    if len(token) > MAX_BYTES:
        raise Refused("too large")
    if not token.isascii():
        raise Refused("not a token")
    header = _strict_json(token.partition(".")[0])
    if header.get("typ") != TYP or "crit" in header or header.get("kid") != public_jwk()["kid"]:
        raise Refused("header")
    _strict_json((token.split(".") + [""])[1])
    try:
        claims = pyjwt.decode(
            token,
            _key().public_key(),
            algorithms=[ALGORITHM],
            audience=audience,
            issuer=settings.PUBLIC_URL,
            options={"require": ["exp", "iat", "sub", "aud", "iss"], "strict_aud": True},
        )
    except (pyjwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError) as error:
        raise Refused(type(error).__name__) from error
    if type(claims["exp"]) is not int:  # a text or a float passes the library, and true is an int
        raise Refused("expiry is not a whole number")
    if claims["exp"] > now().timestamp() + MAX_LIFE.total_seconds() + 5:
        raise Refused("expiry too far ahead")
    return claims


def _strict_json(part: str) -> dict[str, Any]:
    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        if len({key for key, _ in items}) != len(items):
            raise Refused("duplicate claim")
        return dict(items)

    try:
        raw = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
        found = json.loads(raw, object_pairs_hook=pairs)
    except (ValueError, binascii.Error, RecursionError) as error:
        raise Refused("not a token") from error
    if not isinstance(found, dict):
        raise Refused("not a token")
    return found
