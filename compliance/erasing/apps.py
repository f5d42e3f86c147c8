from django.apps import AppConfig


class ErasingConfig(AppConfig):
    name = "compliance.erasing"
    label = "erasing"
