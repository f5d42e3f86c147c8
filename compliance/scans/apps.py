from django.apps import AppConfig


class ScansConfig(AppConfig):
    name = "compliance.scans"
    label = "scans"
