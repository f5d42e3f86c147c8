from django.apps import AppConfig


class RechecksConfig(AppConfig):
    name = "compliance.rechecks"
    label = "rechecks"
