"""Verifies access tokens of the portal: EdDSA only, and strict about everything a token can be made to say."""

import base64
import json
import logging
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx
import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from jwt.types import Options

from .ids import uuid_or_none

LOG = logging.getLogger("ragplatform.tokens")
AUDIENCE, TYPE, ALGORITHM = "rag-platform", "at+jwt", "EdDSA"
MAX_BYTES, MAX_LIFE_SECONDS, LEEWAY_SECONDS = 8192, 15 * 60, 5
COMPACT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
FETCH_EVERY, REFRESH_AFTER = 2.0, 300.0


class BadToken(Exception):
    """The token is not one of the portal's, or no longer; the text says which rule it broke."""


class KeysUnavailable(Exception):
    """The portal's keys were never seen and cannot be fetched."""


@dataclass(frozen=True)
class Claims:
    """What a verified token says."""

    tenant_id: UUID
    subject: str
    scopes: frozenset[str]


class Keys:
    """The portal's verification keys, refetched when a token names one not yet seen, at most every FETCH_EVERY s."""

    def __init__(self, url: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._url = url
        self._clock = clock
        self._http = httpx.Client(timeout=2.0, trust_env=False)
        self._keys: dict[str, Ed25519PublicKey] | None = None
        self._fetched = self._tried = float("-inf")
        self._lock = threading.Lock()

    def named(self, kid: str) -> Ed25519PublicKey | None:
        """The key, or None when the portal does not publish it; raises KeysUnavailable before the first fetch."""
        known = self._keys is not None and kid in self._keys
        if not known or self._clock() - self._fetched > REFRESH_AFTER:
            self._refetch(wait=not known)
        if self._keys is None:
            raise KeysUnavailable("the portal's keys cannot be fetched")
        return self._keys.get(kid)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _refetch(self, wait: bool) -> None:
        """One fetch at a time; who holds a key that is only due for a look does not wait for it."""
        if not self._lock.acquire(blocking=wait):
            return
        try:
            if self._clock() - self._tried >= FETCH_EVERY:
                self._fetch()
        finally:
            self._lock.release()

    def _fetch(self) -> None:
        try:
            published = self._http.get(self._url).raise_for_status().json()["keys"]
            self._keys = dict(filter(None, map(_ed25519, published)))
            self._fetched = self._clock()
        except (httpx.HTTPError, ValueError, KeyError, TypeError, RecursionError):
            LOG.warning("keys.fetch.failed")
        finally:
            # counted from the end: those who waited for a portal that hangs do not each hang in turn
            self._tried = self._clock()


class Verifier:
    """Turns a compact token into claims, or refuses it."""

    def __init__(self, keys: Keys, issuer: str, clock: Callable[[], float] = time.time) -> None:
        self._keys = keys
        self._issuer = issuer
        self._clock = clock

    def verify(self, token: str) -> Claims:
        """The claims; raises BadToken or KeysUnavailable."""
        if len(token) > MAX_BYTES:
            raise BadToken("longer than 8 KB")
        if not COMPACT.fullmatch(token):
            raise BadToken("not three base64url parts")
        header, payload = (_strict_object(part) for part in token.split(".")[:2])
        claims = self._decode(token, self._key(header))
        if claims != payload:
            raise BadToken("ambiguous payload")
        self._check_life(claims)
        return _claims(claims)

    def _key(self, header: dict[str, Any]) -> Ed25519PublicKey:
        if header.get("typ") != TYPE or header.get("alg") != ALGORITHM:
            raise BadToken("wrong typ or alg")
        if "crit" in header or "b64" in header:
            raise BadToken("unknown critical header")
        kid = header.get("kid")
        key = self._keys.named(kid) if isinstance(kid, str) else None
        if key is None:
            raise BadToken("unknown key")
        return key

    def _decode(self, token: str, key: Ed25519PublicKey) -> dict[str, Any]:
        # the expiry is checked apart, as strictly as its upper bound
        required: Options = {"require": ["exp", "aud", "iss", "sub"], "strict_aud": True, "verify_exp": False}
        try:
            return jwt.decode(
                token,
                key,
                algorithms=[ALGORITHM],
                audience=AUDIENCE,
                issuer=self._issuer,
                leeway=LEEWAY_SECONDS,
                options=required,
            )
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError) as error:
            raise BadToken(type(error).__name__) from error

    def _check_life(self, claims: dict[str, Any]) -> None:
        now, expires = self._clock(), claims["exp"]
        if isinstance(expires, bool) or not isinstance(expires, int):
            raise BadToken("exp is not a whole number")
        if expires <= now:
            raise BadToken("expired")
        if expires > now + MAX_LIFE_SECONDS + LEEWAY_SECONDS:
            raise BadToken("valid for longer than 15 minutes")


def _claims(claims: dict[str, Any]) -> Claims:
    tenant_id, subject, scope = uuid_or_none(claims.get("tenant")), claims["sub"], claims.get("scope", "")
    if tenant_id is None:
        raise BadToken("tenant is not a UUID")
    if not isinstance(subject, str) or not 0 < len(subject) <= 255 or not isinstance(scope, str):
        raise BadToken("sub or scope is not a string")
    return Claims(tenant_id, subject, frozenset(scope.split()))


def _strict_object(part: str) -> dict[str, Any]:
    """One part's JSON object; a duplicate key is read differently by different readers, so it is refused."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(dict(pairs)) != len(pairs):
            raise BadToken("duplicate key")
        return dict(pairs)

    def refuse(name: str) -> None:
        raise BadToken(f"{name} is not JSON")

    try:
        raw = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
        found = json.loads(raw, object_pairs_hook=once, parse_constant=refuse)
    except (ValueError, RecursionError) as error:
        raise BadToken("not JSON") from error
    if not isinstance(found, dict):
        raise BadToken("not a JSON object")
    return found


def _ed25519(jwk: Any) -> tuple[str, Ed25519PublicKey] | None:
    """The key of one JWK (RFC 8037), None when it is of another kind or for another use."""
    if not isinstance(jwk, dict) or (jwk.get("kty"), jwk.get("crv")) != ("OKP", "Ed25519"):
        return None
    if jwk.get("use", "sig") != "sig" or jwk.get("alg", ALGORITHM) != ALGORITHM or not isinstance(jwk.get("kid"), str):
        return None
    try:
        raw = base64.urlsafe_b64decode(str(jwk["x"]) + "=" * (-len(str(jwk["x"])) % 4))
        return jwk["kid"], Ed25519PublicKey.from_public_bytes(raw)
    except (ValueError, KeyError):
        return None
