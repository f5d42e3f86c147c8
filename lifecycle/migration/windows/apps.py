from django.apps import AppConfig


class WindowsConfig(AppConfig):
    name = "lifecycle.migration.windows"
    label = "windows"
