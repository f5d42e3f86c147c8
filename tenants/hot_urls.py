from django.urls import path

from .hot_api import answered

urlpatterns = [
    path("snapshot/<uuid:tenant_id>", answered, name="snapshot"),
    path("snapshots", answered, name="snapshots"),
]
