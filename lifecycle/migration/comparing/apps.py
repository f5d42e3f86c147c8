from django.apps import AppConfig


class ComparingConfig(AppConfig):
    name = "lifecycle.migration.comparing"
    label = "comparing"
