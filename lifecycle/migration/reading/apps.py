from django.apps import AppConfig


class ReadingConfig(AppConfig):
    name = "lifecycle.migration.reading"
    label = "reading"
