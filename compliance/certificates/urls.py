from django.urls import path, re_path

from . import public

urlpatterns = [
    path("", public.page, name="verify"),
    path("trust.json", public.trust_file, name="verify-trust"),
    path("status.json", public.status_file, name="verify-status"),
    re_path(r"^(?P<known_as>[0-9a-f]{32})/$", public.standing, name="verify-standing"),
]
