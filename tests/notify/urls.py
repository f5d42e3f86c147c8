from django.urls import include, path
from rest_framework.routers import DefaultRouter

from portal.notify.api import routes

router = DefaultRouter()
for prefix, viewset, basename in routes:
    router.register(prefix, viewset, basename=basename)
urlpatterns = [path("api/v1/", include(router.urls))]
