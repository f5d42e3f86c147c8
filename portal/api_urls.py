"""The REST routes under /api/v1/. Each app exports `routes`; this file only puts them together."""

from typing import Any

from django.conf import settings
from django.db import models
from django.urls import include, path
from django.utils.module_loading import import_string
from rest_framework.routers import SimpleRouter

from portal.access.doors import Me, SignIn

UUID_SHAPE = "[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
SHAPES: dict[type[Any], str] = {
    models.UUIDField: UUID_SHAPE,
    models.AutoField: "[0-9]{1,9}",
    models.BigAutoField: "[0-9]{1,18}",
    models.CharField: "[A-Za-z0-9_-]{1,64}",
}


class Router(SimpleRouter):
    """Routes only ids that could be one: a malformed id names nothing, so it is not found, whatever the verb."""

    def get_lookup_regex(self, viewset: Any, lookup_prefix: str = "") -> str:
        queryset = getattr(viewset, "queryset", None)
        named_otherwise = hasattr(viewset, "lookup_value_regex") or viewset.lookup_field != "pk"
        key = None if queryset is None or named_otherwise else queryset.model._meta.pk
        shape = next((shape for kind, shape in SHAPES.items() if isinstance(key, kind)), None)
        return f"(?P<{lookup_prefix}pk>{shape})" if shape else super().get_lookup_regex(viewset, lookup_prefix)


router = Router()
for dotted in settings.API_ROUTES:
    for prefix, viewset, basename in import_string(dotted):
        router.register(prefix, viewset, basename=basename)

urlpatterns = [
    path("auth/token", SignIn.as_view(), name="auth-token"),
    path("me", Me.as_view(), name="me"),
    path("", include(router.urls)),
]
