from django.apps import AppConfig


class DrillsConfig(AppConfig):
    name = "lifecycle.migration.drills"
    label = "drills"
