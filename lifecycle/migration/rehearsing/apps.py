from django.apps import AppConfig


class RehearsingConfig(AppConfig):
    name = "lifecycle.migration.rehearsing"
    label = "rehearsing"
