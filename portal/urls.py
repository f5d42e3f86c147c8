"""Every URL of the portal. Upper apps are known here by dotted string only."""

from django.conf import settings
from django.contrib import admin
from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from portal.access import doors as access_doors
from portal.lib import health

urlpatterns = [
    path("health/live", health.live),
    path("health/ready", health.ready),
    path("metrics", health.metrics),
    path(".well-known/jwks.json", access_doors.jwks),
    path("api/schema/", SpectacularAPIView.as_view(), name="schema"),
    path("api/docs/", SpectacularSwaggerSplitView.as_view(url_name="schema"), name="api-docs"),
    path("api/v1/", include("portal.api_urls")),
    path("v1/", include("tenants.hot_urls")),
    *([path("oidc/", include("mozilla_django_oidc.urls"))] if settings.OIDC else []),
    path("", admin.site.urls),
]
