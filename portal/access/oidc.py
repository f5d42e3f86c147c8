"""Sign-in through the company's identity provider. Accounts and grants are made here, never by a claim.

The library checks the ID token's signature and nonce; what OpenID Connect Core 1.0 §3.1.3.7 asks beyond that, issuer,
audience and expiry, is checked here, and the user-info answer must be about the same subject (§5.3.2).
"""

from typing import Any

import jwt as pyjwt
import requests
import structlog
from django.conf import settings
from django.core.exceptions import SuspiciousOperation
from mozilla_django_oidc.auth import OIDCAuthenticationBackend
from mozilla_django_oidc.views import OIDCAuthenticationCallbackView

from portal.lib.clock import now

from .models import User
from .reauthentication import SIGNED_IN

log = structlog.get_logger(__name__)


class Callback(OIDCAuthenticationCallbackView):
    """Notes when this session was opened: it stands for the password that such a person does not have here."""

    def login_success(self) -> Any:
        answer = super().login_success()
        self.request.session[SIGNED_IN] = now().timestamp()
        return answer


class Backend(OIDCAuthenticationBackend):
    """Finds an existing active account by verified e-mail; creates none."""

    def authenticate(self, request: Any, **kwargs: Any) -> User | None:
        """None, never a fault, for a token that is refused and a provider that does not answer."""
        try:
            found: User | None = super().authenticate(request, **kwargs)
        except (SuspiciousOperation, pyjwt.PyJWTError, requests.RequestException) as error:
            log.warning("oidc.refused", error=type(error).__name__)
            return None
        return found

    def get_or_create_user(self, access_token: str, id_token: str, payload: dict[str, Any]) -> User | None:
        if not _is_for_us(payload):
            return None
        self.subject = payload.get("sub")
        found: User | None = super().get_or_create_user(access_token, id_token, payload)
        return found

    def verify_claims(self, claims: dict[str, Any]) -> bool:
        return bool(self.subject) and claims.get("sub") == self.subject

    def filter_users_by_claims(self, claims: dict[str, Any]) -> Any:
        email = claims.get("email")
        if not email or claims.get("email_verified") is not True:
            return User.objects.none()
        return User.objects.filter(person__email__iexact=email, is_active=True, is_service=False, is_superuser=False)


def _is_for_us(payload: dict[str, Any]) -> bool:
    audience = payload.get("aud")
    named = audience if isinstance(audience, list) else [audience]
    expiry = payload.get("exp")
    return (
        payload.get("iss") == settings.OIDC_OP_ISSUER
        and settings.OIDC_RP_CLIENT_ID in named
        and payload.get("azp", settings.OIDC_RP_CLIENT_ID) == settings.OIDC_RP_CLIENT_ID
        and isinstance(expiry, (int, float))
        and expiry > now().timestamp()
    )
