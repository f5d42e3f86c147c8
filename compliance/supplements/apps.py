from django.apps import AppConfig


class SupplementsConfig(AppConfig):
    name = "compliance.supplements"
    label = "supplements"
