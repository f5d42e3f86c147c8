from django.apps import AppConfig


class ExportsConfig(AppConfig):
    name = "lifecycle.exports"
    label = "exports"
