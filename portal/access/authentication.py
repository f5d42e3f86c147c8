"""How an API request says who it is: a session, a JWT, or a hashed API token."""

import hashlib
import hmac
from datetime import timedelta
from uuid import UUID

from rest_framework import authentication, exceptions
from rest_framework.request import Request

from portal.lib.clock import now

from . import jwt
from .models import ApiToken, User


class Session(authentication.SessionAuthentication):
    """Browser sessions, with Django's CSRF check."""

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="bailiwick"'


class Bearer(authentication.BaseAuthentication):
    """`Authorization: Bearer <JWT or bwk_ token>`."""

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="bailiwick"'

    def authenticate(self, request: Request) -> tuple[User, jwt.Claims] | None:
        scheme, _, credential = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        found = bearer(credential.strip())
        if found is None:
            raise exceptions.AuthenticationFailed("The credential is not valid, or no longer.")
        return found


def bearer(credential: str) -> tuple[User, jwt.Claims] | None:
    """Whose JWT or API token it is, and what it carries; None unless it is valid now."""
    found = _by_token(credential) if credential.startswith("bwk_") else _by_jwt(credential)
    return found if found is not None and found[0].is_active else None


def _by_jwt(credential: str) -> tuple[User, jwt.Claims] | None:
    try:
        claims = jwt.verify(credential)
    except jwt.Refused:
        return None
    user = _user(claims["sub"])
    scope = claims.get("scope")
    if "scope" in claims and not isinstance(scope, str):
        return None  # never read a scope of an unknown shape as "no limit"
    scopes = frozenset(scope.split()) if isinstance(scope, str) else None
    if user is None or claims.get("epoch", 0) != user.credential_epoch:
        return None
    return user, jwt.Claims(claims["sub"], scopes, epoch=user.credential_epoch)


def _user(pk: str) -> User | None:
    try:
        return User.objects.select_related("person").filter(pk=UUID(pk)).first()
    except ValueError:
        return None


def _by_token(credential: str) -> tuple[User, jwt.Claims] | None:
    prefix, _, secret = credential.removeprefix("bwk_").partition("_")
    token = ApiToken.objects.select_related("user", "user__person").filter(prefix=prefix).first()
    offered = hashlib.sha256(secret.encode()).hexdigest()
    if token is None or not hmac.compare_digest(offered, token.secret_sha256):
        return None
    if token.revoked_at or token.expires_at <= now():
        return None
    if token.last_used_at is None or token.last_used_at < now() - timedelta(minutes=1):
        ApiToken.objects.filter(pk=token.pk).update(last_used_at=now())
    return token.user, jwt.Claims(str(token.user_id), frozenset(token.scopes), "token", token=str(token.pk))
