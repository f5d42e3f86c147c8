from django.apps import AppConfig


class JudgingConfig(AppConfig):
    name = "lifecycle.migration.judging"
    label = "judging"
