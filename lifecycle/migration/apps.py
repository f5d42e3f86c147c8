from django.apps import AppConfig


class MigrationConfig(AppConfig):
    name = "lifecycle.migration"
    label = "migration"
