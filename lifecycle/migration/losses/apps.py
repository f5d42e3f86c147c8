from django.apps import AppConfig


class LossesConfig(AppConfig):
    name = "lifecycle.migration.losses"
    label = "losses"
