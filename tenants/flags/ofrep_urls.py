from django.urls import path

from .ofrep import All, One

urlpatterns = [
    path("evaluate/flags", All.as_view(), name="ofrep-all"),
    path("evaluate/flags/<slug:key>", One.as_view(), name="ofrep-one"),
]
