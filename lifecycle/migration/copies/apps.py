from django.apps import AppConfig


class CopiesConfig(AppConfig):
    name = "lifecycle.migration.copies"
    label = "copies"
