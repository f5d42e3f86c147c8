from django.apps import AppConfig


class UpgradesConfig(AppConfig):
    name = "lifecycle.estate.upgrades"
    label = "upgrades"
