from django.apps import AppConfig


class SyntheticConfig(AppConfig):
    name = "compliance.synthetic"
    label = "synthetic"
