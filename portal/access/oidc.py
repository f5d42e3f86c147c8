"""Sign-in through the company's identity provider. Accounts and grants are made here, never by a claim."""

from typing import Any

from mozilla_django_oidc.auth import OIDCAuthenticationBackend

from .models import User


class Backend(OIDCAuthenticationBackend):
    """Finds an existing active account by verified e-mail; creates none."""

    def filter_users_by_claims(self, claims: dict[str, Any]) -> Any:
        email = claims.get("email")
        if not email or claims.get("email_verified") is not True:
            return User.objects.none()
        return User.objects.filter(person__email__iexact=email, is_active=True, is_service=False, is_superuser=False)

    def create_user(self, claims: dict[str, Any]) -> None:
        return None
