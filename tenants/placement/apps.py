from django.apps import AppConfig


class PlacementConfig(AppConfig):
    name = "tenants.placement"
    label = "placement"
