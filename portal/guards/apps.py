from django.apps import AppConfig


class GuardsConfig(AppConfig):
    name = "portal.guards"
    label = "guards"
