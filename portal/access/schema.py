"""How the OpenAPI document describes our ways of signing in."""

from typing import Any

from django.conf import settings
from drf_spectacular.extensions import OpenApiAuthenticationExtension, OpenApiSerializerExtension


class BearerScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "portal.signatures.door.SignedBearer"
    name = "bearer"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {
            "type": "http",
            "scheme": "bearer",
            "description": "A 15-minute token from /api/v1/auth/token, or an API token that begins with bwk_.",
        }


class SessionScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "portal.access.authentication.Session"
    name = "session"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "apiKey", "in": "cookie", "name": settings.SESSION_COOKIE_NAME}


class WithReasonSchema(OpenApiSerializerExtension):  # type: ignore[no-untyped-call]
    """Without an access session only the registry's fields are there."""

    target_class = "portal.access.reading.ReadWithReason"
    match_subclasses = True

    def map_serializer(self, auto_schema: Any, direction: Any) -> Any:
        found = auto_schema._map_serializer(self.target, direction, bypass_extensions=True)
        found["required"] = [name for name in found.get("required", []) if name in self.target.registry]
        return found
