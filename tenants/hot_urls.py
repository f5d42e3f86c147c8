from django.urls import path

from .hot_api import snapshot_of

urlpatterns = [path("snapshot/<uuid:tenant_id>", snapshot_of, name="snapshot")]
