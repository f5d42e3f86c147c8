"""Every URL of the portal. Upper apps are known here by dotted string only."""

from django.conf import settings
from django.contrib import admin
from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from portal.access import doors as access_doors
from portal.lib import docs, health

urlpatterns = [
    path("health/live", health.live),
    path("health/ready", health.ready),
    path("metrics", health.metrics),
    path(".well-known/jwks.json", access_doors.jwks),
    path("api/schema/", SpectacularAPIView.as_view(), name="schema"),
    path("api/docs/", SpectacularSwaggerSplitView.as_view(url_name="schema"), name="api-docs"),
    path("api/docs/style.css", docs.stylesheet, name="api-docs-style"),
    path("api/v1/", include("portal.api_urls")),
    path("v1/", include("tenants.hot_urls")),
    path("verify/", include("compliance.certificates.urls")),
    path("ofrep/v1/", include("tenants.flags.ofrep_urls")),
    *([path("oidc/", include("mozilla_django_oidc.urls"))] if settings.OIDC else []),
    path("", admin.site.urls),
]

handler400 = "portal.lib.failures.bad_request"
handler403 = "portal.lib.failures.permission_denied"
handler404 = "portal.lib.failures.page_not_found"
handler500 = "portal.lib.failures.server_error"
