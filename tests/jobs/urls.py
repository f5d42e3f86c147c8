"""Only the doors of jobs: what the worker processes load, and what the API tests knock at."""

from django.urls import include, path
from rest_framework.routers import DefaultRouter

from portal.jobs.api import routes

router = DefaultRouter()
for prefix, viewset, basename in routes:
    router.register(prefix, viewset, basename)
urlpatterns = [path("api/v1/", include(router.urls))]
