"""The REST routes under /api/v1/. Each app exports `routes`; this file only puts them together."""

from django.conf import settings
from django.urls import include, path
from django.utils.module_loading import import_string
from rest_framework.routers import SimpleRouter

from portal.access.doors import Me, SignIn

router = SimpleRouter()
for dotted in settings.API_ROUTES:
    for prefix, viewset, basename in import_string(dotted):
        router.register(prefix, viewset, basename=basename)

urlpatterns = [
    path("auth/token", SignIn.as_view(), name="auth-token"),
    path("me", Me.as_view(), name="me"),
    path("", include(router.urls)),
]
